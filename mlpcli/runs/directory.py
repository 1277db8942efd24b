"""The run directory: made exclusively; a run in it is replaced only with --force."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlpcli.errors import BusyError, FileError, RunError, UsageError
from mlpcli.runs import swap
from mlpcli.runs.files import Folder
from mlpcli.runs.lock import lock, locker
from mlpcli.runs.names import CHECKPOINT, MANIFEST, MODEL, OURS
from mlpcli.runs.status import process_of, read_manifest, why_no_model
from mlpcli.similar_files import did_you_mean


class RunDirectory:
    """A run's directory, kept from other runs by its lock.

    path    of the run: as it was named or chosen
    home    that directory
    folder  where the run's files are written: `home`, or with --force, where there is an old run,
            a directory within it until the new one is whole
    is_made whether it was made for this run
    """

    def __init__(self, home: Folder, *, is_made: bool, force: bool) -> None:
        self.home, self.path, self.is_made = home, home.path, is_made
        self.folder = swap.begin(home) if force and home.names() else home

    def conclude(self, *, is_whole: bool) -> Path:
        """End a run: one that is whole replaces the old one; return where it is.

        One that was interrupted leaves the old run as it was, and gets a directory of its own
        within the old one's; where nothing of it could be used, it is removed. Raises FileError
        where the disk refuses that.
        """
        new, self.folder = self.folder, self.home
        if new is not self.home:
            try:
                if is_whole:
                    swap.swap(self.home, new)
                elif {MODEL, CHECKPOINT} & set(new.names()):
                    self.path = swap.keep(self.home, new)
                else:
                    swap.drop(self.home, new.path.name)
            finally:
                new.close()
        if self.home.is_in_place:
            return self.path
        return self.home.place / self.path.relative_to(self.home.path)

    def close(self) -> None:
        """Let others have it; where nothing came into a directory made for it, it is removed."""
        with contextlib.suppress(FileError):
            self.conclude(is_whole=False)
        if self.is_made and self.home.is_in_place:
            with contextlib.suppress(OSError):  # there is something in it
                self.home.path.rmdir()
        self.home.close()


@contextmanager
def run_directory(
    name: str, chosen: str | None, *, force: bool = False, resume: bool = False
) -> Iterator[RunDirectory]:
    """Make a run's directory, and keep it from other runs as long as the context lasts.

    name    of the spec; the directory is runs/NAME-YYYYMMDD-HHMMSS, with a number if need be
    chosen  a directory to use instead; it must be new or empty
    force   use it even so, where there is a run in it, which `RunDirectory.conclude` replaces
    resume  use it as it is, whatever is in it

    Raises BusyError where another process has it, UsageError where it may not be used.
    """
    home, is_made = _locked_folder(name, chosen)
    try:
        if not resume:  # else it is swept once it is known to be the same run
            home.sweep(OURS)
        swap.finish(home)
        if not resume:
            _check(home, force=force)
        if force:
            swap.sweep(home)
        run = RunDirectory(home, is_made=is_made, force=force)
    except BaseException:
        home.close()
        raise
    try:
        yield run
    finally:
        run.close()


def _locked_folder(name: str, chosen: str | None) -> tuple[Folder, bool]:
    """Return a directory that is locked and still has its name, and whether it was made here."""
    while True:
        with _named():
            path, is_made = (_new(name), True) if chosen is None else _chosen(Path(chosen))
        try:
            home = Folder(path)
        except FileError:
            if path.exists():
                raise
            continue  # removed in between
        if not lock(home):
            busy = _who_has(home)
            home.close()
            raise BusyError(f"{path}: {busy}; try again later, or choose another --run-dir")
        if home.is_in_place:
            return home, is_made
        home.close()


def _who_has(home: Folder) -> str:
    """Return which process trains in a directory, in words."""
    pid = locker(home.descriptor)
    process = f"process {pid} on {os.uname().nodename}" if pid else _process_by_manifest(home)
    if process is None:
        return "another process is training in it, which has not written down yet which one it is"
    return f"{process} is training in it"


def _process_by_manifest(home: Folder) -> str | None:
    """Return the process that a manifest names, where that is another host's."""
    with contextlib.suppress(FileError), contextlib.ExitStack() as stack:
        new = [
            stack.enter_context(Folder(home.path / name, home))
            for name in home.names()
            if name.startswith(swap.NEW)
        ]
        for folder in (*new, home):
            manifest = read_manifest(folder)
            if manifest is not None and manifest["status"] == "running":
                return process_of(manifest)
    return None


@contextmanager
def _named() -> Iterator[None]:
    """Turn an OSError into a FileError that names the file."""
    try:
        yield
    except OSError as error:
        raise FileError(f"{error.filename}: {error.strerror}") from None


def _new(name: str) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S")
    for number in range(1, 1000):
        path = Path("runs") / f"{name}-{stamp}{'' if number == 1 else f'-{number}'}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise FileError(f"runs/{name}-{stamp}: a thousand runs began in this second")


def _chosen(path: Path) -> tuple[Path, bool]:
    """Return a directory, and whether it was made here."""
    try:
        path.mkdir(parents=True)
    except FileExistsError:
        if not path.is_dir():
            raise UsageError(f"{path}: is a file, not a directory") from None
        return path, False
    return path, True


def _check(home: Folder, *, force: bool) -> None:
    """Raise UsageError where there is something in a directory, but for --force and a run."""
    found = [name for name in home.names() if not swap.OWN.fullmatch(name)]
    if not found:
        return
    is_run = read_manifest(home) is not None
    if force and is_run:
        return
    if is_run:
        raise UsageError(
            f"{home.path}: there is a run in it already; --resume goes on with it, --force "
            "replaces it; or choose another --run-dir"
        )
    begun = "--force replaces runs; " if force else ""
    raise UsageError(
        f"{home.path}: there is something in it already, and no {MANIFEST} of mlp's, so it is no "
        f"run; {begun}choose another --run-dir"
    )


def find_model(run: str) -> Path:
    """Return the model file of a RUN, which is a run directory or a model file."""
    path = Path(run)
    try:
        if path.is_dir():
            swap.settle(path)
            model = swap.current(path, MODEL)
            if not model.is_file():
                raise RunError(f"{path}: there is no {MODEL} in this directory{why_no_model(path)}")
            return model
        if not path.exists():
            hint = did_you_mean(run, _is_run)
            raise RunError(f"{path}: there is no such run directory or model file{hint}")
        if not path.is_file():  # a pipe would be waited for
            raise RunError(f"{path}: is neither a run directory nor a regular file")
    except (OSError, ValueError) as error:
        raise RunError(f"{run!r}: {getattr(error, 'strerror', None) or error}") from None
    return path


def _is_run(path: Path) -> bool:
    return path.suffix == Path(MODEL).suffix or (path / MODEL).is_file()
