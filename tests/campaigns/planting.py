"""Find the functions which a training step runs on δ, gradient or parameters, and plant faults.

A function is found by tracing: arrays are compared before and after every call of a function of
`mlpcli/nn` and `mlpcli/training`. A fault is planted in its source, which is compiled again:

    behind a function   what it changed is multiplied by a factor, or put back as it was
    behind a statement  what that statement changed is multiplied by a factor

Only the code of the function is exchanged (`__code__`), so that every reference to it sees the
fault; the file is not touched.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import inspect
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np

import mlpcli
from mlpcli.nn import arrays
from mlpcli.nn.layers import Affine
from mlpcli.training.trainer import Trainer

ROOT = Path(mlpcli.__file__).parent
ROOMS = (str(ROOT / "nn"), str(ROOT / "training"))
WRONG = 1.01


class Latest:
    """The trainer that was made last: a planted fault looks for its arrays."""

    trainer = None


PATTERN = 0x40  # in every byte of memory that is not yet written: 32.5 in float64


@contextlib.contextmanager
def watching():
    """Remember every trainer as it is made; fill the memory that the engine allocates.

    Unwritten memory may hold the numbers of the run before, and hide a fault.
    """
    init, empty = Trainer.__init__, np.empty

    def remember(self, *arguments, **settings):
        init(self, *arguments, **settings)
        Latest.trainer = self

    def filled(shape, dtype=np.float64):
        array = empty(shape, dtype)
        if array.dtype == np.uint8:  # as `arrays.empty` asks for it
            array[...] = PATTERN
        return array

    aligned = arrays._aligned

    def fill(allocate, shape, dtype):
        return aligned(filled if allocate is empty else allocate, shape, dtype)

    with (
        mock.patch.object(Trainer, "__init__", remember),
        mock.patch.object(arrays, "_aligned", fill),
    ):
        yield


def watched(trainer):
    """Return the arrays of a training step by kind: δ, gradient, θ, what is carried on."""
    step, update = trainer.step, trainer.step.update
    deltas = [backprop.delta for backprop in step.backprop.values()]
    for backprop in step.backprop.values():
        deltas += [layer.delta_below for layer in backprop.layers if isinstance(layer, Affine)]
    kinds = {"δ": deltas, "gradient": [step.grad], "θ": [step.network.theta]}
    kinds["state"] = [update.state.vectors, update.state.powers]
    kinds["average"] = [] if update.average is None else [update.average.average]
    kinds["λ"] = [update.learning_rate]
    kinds["scale"] = [trainer.loader._memory[-1]]  # w/N of each row, if there are weights
    return kinds


def copies(kinds):
    return {kind: [array.copy() for array in arrays] for kind, arrays in kinds.items()}


def differs(a, b):
    """Whether two arrays differ in a bit."""
    return a.tobytes() != b.tobytes()


@dataclass(frozen=True, order=True)
class Found:
    """A function that changed arrays of a kind.

    file, name  of its code, the name as in `Adam.bind.<locals>.step`
    kinds       of the arrays it changed, of those in `watched`
    """

    file: str
    name: str
    kinds: tuple[str, ...]

    @property
    def key(self):
        return self.file, self.name


def trace(trainer):
    """Return the functions that an epoch of a trainer ran which changed watched arrays, or helped.

    Those that one which was given δ has called, or that made 1/N: they may have no kinds.
    """
    changed, stack, given, made = {}, [], [], []

    def is_ours(code):
        return code.co_filename.startswith(ROOMS) and not code.co_name.startswith("<")

    def takes_delta(frame, names):
        arrays = [frame.f_locals.get(name) for name in names]
        deltas = watched(trainer)["δ"]
        return any(
            isinstance(a, np.ndarray) and np.may_share_memory(a, d) for a in arrays for d in deltas
        )

    def profile(frame, event, _argument):
        code = frame.f_code
        if event not in ("call", "return") or not is_ours(code):
            return
        key = str(Path(code.co_filename).relative_to(ROOT.parent)), code.co_qualname
        if event == "call":
            names = code.co_varnames[: code.co_argcount]
            if given and given[-1]:
                changed.setdefault(key, set())
            given.append(takes_delta(frame, names))
            stack.append(copies(watched(trainer)))
            return
        given.pop()
        made.extend((key, v) for v in frame.f_locals.values() if isinstance(v, np.ndarray))
        before, after = stack.pop(), watched(trainer)
        for kind, arrays in after.items():
            if any(differs(a, b) for a, b in zip(arrays, before[kind], strict=True)):
                changed.setdefault(key, set()).add(kind)

    rate = trainer.step.update.optimizer.learning_rate
    sys.setprofile(profile)
    try:
        for _ in trainer.epoch(1, rate):
            pass
    finally:
        sys.setprofile(None)
    blocks = trainer.loader._blocks.values()
    scales = [batch.scale for block in blocks for batch in block.batches]
    for key, array in made:
        if any(array is scale for scale in scales):
            changed.setdefault(key, set())
    return [Found(*key, tuple(sorted(kinds))) for key, kinds in sorted(changed.items())]


class Spoiler:
    """What planted code calls, under the name `planted_fault`, before and after the right code."""

    def __init__(self, kind, how, *, restricted):
        self.kind, self.how, self.restricted = kind, how, restricted
        self.count = 0  # of arrays that were spoiled behind a statement

    # behind a function

    def enter(self):
        if Latest.trainer is None or not hasattr(Latest.trainer, "step"):
            return None
        return copies(watched(Latest.trainer))

    def leave(self, before, values):
        if before is None:
            return
        handed = values.get("delta")
        for array, old in zip(watched(Latest.trainer)[self.kind], before[self.kind], strict=True):
            if not differs(array, old):
                continue
            if self.how == "left out":
                in_place = handed is not None and np.may_share_memory(handed, array)
                array[...] = 0 if self.kind == "δ" and not in_place else old
            elif self.how == "last row left out":
                array[..., -1, :] = 0
            elif self.how == "not divided by N":
                array *= array.shape[-2]
            elif self.how == "on biases too":
                array[Latest.trainer.network.architecture.layout.n_weights :] += 1e-4
            elif self.kind in ("δ", "gradient", "scale"):
                array *= self.how
            else:
                array[...] = old + self.how * (array - old)

    # behind a statement

    def before(self, values):
        self.values = values
        return [(array, array.copy()) for array in reachable(values)]

    def after(self, before, out=None):
        """Spoil `out`, or the arrays that have changed since `before`."""
        if isinstance(out, np.ndarray):
            changed = [out]
        else:
            changed = [array for array, old in before if differs(array, old)]
        done = []
        for array in sorted(changed, key=lambda a: a.size):
            if not any(np.shares_memory(array, other) for other in done):
                self.spoil(array, before)
                done.append(array)

    def spoil(self, array, before):
        """Multiply an array, or put it back; but data, which are no one's δ, stay."""
        if self.restricted and not any(
            np.may_share_memory(array, each)
            for arrays in watched(Latest.trainer).values()
            for each in arrays
        ):
            return
        if array.dtype == np.int64 and array.flags.c_contiguous:  # relu works on the bits
            array = array.view(np.float64)
        if array.dtype.kind != "f":
            return
        self.count += 1
        if self.how != "left out":
            np.multiply(array, self.how, out=array)
            return
        for each, old in before:
            if np.shares_memory(each, array):
                each[...] = old

    def fresh(self, value, before):
        """Return a new array or number times the factor; one that was there before as it is."""
        if self.how == "left out":
            return value
        is_new = isinstance(value, np.floating) or (
            isinstance(value, np.ndarray)
            and value.dtype.kind == "f"
            and not any(np.shares_memory(value, array) for array, _ in before)
        )
        self.count += is_new
        return value * self.how if is_new else value


def reachable(values):
    """Return the arrays of floats in local variables, in what they hold, and in objects of ours."""
    found, seen = [], set()

    def visit(value, depth):
        if id(value) in seen or depth > 4:
            return
        seen.add(id(value))
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "f" and value.size and value.flags.writeable:
                found.append(value)
        elif isinstance(value, tuple | list):
            for one in value:
                visit(one, depth + 1)
        elif isinstance(value, dict):
            for one in value.values():
                visit(one, depth + 1)
        elif type(value).__module__.startswith("mlpcli.") and hasattr(value, "__dict__"):
            visit(vars(value), depth)

    for value in values.values():
        visit(value, 0)
    return found


@cache
def source_of(file):
    return (ROOT.parent / file).read_text(encoding="utf-8")


def node_of(tree, name):
    """Return the function of a qualified name in a module's tree."""
    node = tree
    for part in name.split("."):
        if part != "<locals>":
            kinds = (ast.FunctionDef, ast.ClassDef)
            node = next(n for n in ast.walk(node) if isinstance(n, kinds) and n.name == part)
    return node


def statements_of(node):
    """Return the statements of a function that may write an array, those in loops too."""
    found = []
    for statement in node.body:
        if isinstance(statement, ast.If | ast.For | ast.With):
            found += statements_of(statement)
            found += statements_of(ast.Module(getattr(statement, "orelse", []), []))
        elif isinstance(statement, ast.Return):
            if isinstance(statement.value, ast.Call | ast.BinOp):
                found.append(statement)
        elif isinstance(statement, ast.Assign | ast.AugAssign) or (
            isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        ):
            found.append(statement)
    return found


def statement_texts(found):
    """Return the statements of a found function, as text, in order."""
    node = node_of(ast.parse(source_of(found.file)), found.name)
    return [ast.unparse(statement) for statement in statements_of(node)]


def _behind_function(node):
    start = ast.parse("_pf_before = planted_fault.enter()").body
    end = ast.parse("planted_fault.leave(_pf_before, locals())").body
    node.body = [*start, ast.Try(node.body, [], [], end)]


def _out_of(statement):
    """Return the text of what a statement's call writes by `out=`; or None."""
    value = statement.value
    for keyword in value.keywords if isinstance(value, ast.Call) else ():
        if keyword.arg == "out":
            return ast.unparse(keyword.value)
    return None


class _BehindStatement(ast.NodeTransformer):
    def __init__(self, statement):
        self.statement = statement

    def visit(self, node):
        if node is not self.statement:
            return self.generic_visit(node)
        start = ast.parse("_pf_before = planted_fault.before(locals())").body
        out = _out_of(node)
        end = ast.parse(f"planted_fault.after(_pf_before, {out})").body
        if isinstance(node, ast.Return):
            value = ast.Assign([ast.Name("_pf_value", ast.Store())], node.value)
            fresh = ast.parse("_pf_value = planted_fault.fresh(_pf_value, _pf_before)").body
            back = ast.Return(ast.Name("_pf_value", ast.Load()))
            return [*start, value, *(fresh if out is None else []), *end, back]
        middle = []
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            middle = ast.parse(f"{name} = planted_fault.fresh({name}, _pf_before)").body
        return [*start, node, *end, *middle]


@dataclass(frozen=True)
class Fault:
    """A fault in a function.

    how        a factor, or in words
    kind       of the arrays it is planted into, behind a function
    statement  its number, behind a statement
    text       (old, new): what is exchanged in the source, instead of both
    """

    found: Found
    how: float | str = 1.0
    kind: str = ""
    statement: int | None = None
    text: tuple[str, str] | None = None

    @property
    def title(self):
        name = self.found.name.replace(".<locals>", "")
        how = self.how if isinstance(self.how, str) else f"× {self.how:g}"
        if self.text is not None:
            return f"{name}: {' '.join(self.text[0].split())} → {self.text[1]}"
        if self.statement is None:
            return f"{name}: {self.kind} {how}"
        return f"{name}: {statement_texts(self.found)[self.statement]}  {how}"

    def tree(self):
        """Return the module's tree with the fault."""
        source = source_of(self.found.file)
        if self.text is not None:
            node = node_of(ast.parse(source), self.found.name)
            lines = source.splitlines(keepends=True)
            part = "".join(lines[node.lineno - 1 : node.end_lineno])
            assert self.text[0] in part, self.title
            lines[node.lineno - 1 : node.end_lineno] = [part.replace(*self.text)]
            return ast.parse("".join(lines))
        tree = ast.parse(source)
        node = node_of(tree, self.found.name)
        if self.statement is None:
            _behind_function(node)
        else:
            _BehindStatement(statements_of(node)[self.statement]).visit(node)
        return ast.fix_missing_locations(tree)

    @contextlib.contextmanager
    def planted(self):
        """Exchange the function's code."""
        outer = self.found.name.split(".<locals>")[0]
        module = importlib.import_module(self.found.file.removesuffix(".py").replace("/", "."))
        function = module
        for part in outer.split("."):
            function = inspect.getattr_static(function, part)
        function = getattr(function, "fget", function)
        right = function.__code__
        function.__code__ = _code_of(compile(self.tree(), right.co_filename, "exec"), outer)
        restricted = "training" in self.found.file
        spoiler = Spoiler(self.kind, self.how, restricted=restricted)
        builtins.planted_fault = spoiler
        try:
            yield spoiler
        finally:
            function.__code__ = right
            del builtins.planted_fault


def _code_of(code, name):
    for const in code.co_consts:
        if inspect.iscode(const):
            if const.co_qualname == name:
                return const
            inner = _code_of(const, name)
            if inner is not None:
                return inner
    return None
