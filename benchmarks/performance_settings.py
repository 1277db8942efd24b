"""What benchmarks/performance.py measures, and what it is to reach. The standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
STORED = ROOT / "benchmarks" / "performance.json"
ROUNDS = 5
SEED = 0


@dataclass(frozen=True)
class Shape:
    """A network and its batches; relu in the hidden layers.

    widths   inputs, units of each hidden layer, outputs; one output is a regression
    steps    of one epoch, all of them with whole batches
    epochs   of one process; the first is not counted
    """

    widths: tuple[int, ...]
    batch: int
    steps: int
    epochs: int

    @property
    def name(self) -> str:
        """`4-16-3`."""
        return "-".join(map(str, self.widths))

    @property
    def rows(self) -> int:
        """Rows of the data."""
        return self.batch * self.steps

    @property
    def is_regression(self) -> bool:
        """Whether the output is a number, not classes."""
        return self.widths[-1] == 1

    @property
    def products(self) -> list[tuple[int, int]]:
        """(fan_in, fan_out) of each weight matrix."""
        return list(pairwise(self.widths))


SHAPES = (
    Shape((4, 16, 3), 16, 1024, 10),
    Shape((64, 128, 10), 32, 512, 8),
    Shape((8, 64, 64, 1), 64, 512, 8),
    Shape((784, 512, 256, 10), 128, 32, 7),
    Shape((512, 1024, 1024, 10), 256, 12, 5),
)
SMALL, LARGE = SHAPES[:3], SHAPES[3:]
LANES = 64  # networks of a stack
LANE_SHAPES = (Shape((4, 16, 3), 16, 256, 7), Shape((64, 128, 10), 32, 64, 7))


@dataclass(frozen=True)
class Recipe:
    """Optimizer, dropout and L2.

    keep_prob  of the hidden units; 1: no dropout
    tolerance  by how much the loss after the last epoch may differ from mlp's, as a share of it:
               with dropout each framework draws masks of its own, and is held to
               WITHOUT_DROPOUT besides, in one training without it
    """

    name: str
    title: str
    optimizer: str
    learning_rate: float
    keep_prob: float = 1.0
    l2: float = 0.0
    momentum: float = 0.0
    tolerance: float = 0.002


WITHOUT_DROPOUT = 0.002
SGD = Recipe("sgd", "Plain SGD", "sgd", 0.02)
ADAM = Recipe("adam", "Adam, dropout, L2", "adam", 0.0003, keep_prob=0.8, l2=1e-4, tolerance=0.05)
RECIPES = (SGD, ADAM)


@dataclass(frozen=True)
class Engine:
    """Something that trains.

    module    of it, as Python imports it
    dropout   whether it has dropout; else it is left out of that recipe
    tolerance on top of the recipe's: scikit-learn draws the order of the rows itself
    """

    name: str
    title: str
    module: str
    dropout: bool = True
    tolerance: float = 0.0


MLP = Engine("mlp", "mlp", "mlpcli")
PEERS = (
    Engine("scikit_learn", "scikit-learn", "sklearn", dropout=False, tolerance=0.05),
    Engine("pytorch", "PyTorch", "torch"),
    Engine("jax_scan", "JAX", "jax"),
)
FLOOR = Engine("products", "bare products", "numpy")
JAX = PEERS[2]
TITLES = {engine.name: engine.title for engine in (MLP, *PEERS, FLOOR)}
# The tables beside `steps`, and the engines of each. In `cores` each has all cores.
TABLES: dict[str, tuple[str, ...]] = {
    "lanes": (JAX.name,),
    "cores": tuple(peer.name for peer in PEERS[1:]),
    "process": tuple(peer.name for peer in PEERS),
    "evaluation": tuple(peer.name for peer in PEERS),
    "files": ("pandas",),
    "fixed": (),
}


@dataclass(frozen=True)
class Goal:
    """A bound on one ratio: at least, or at most, `bound`; `strict` excludes the bound itself.

    table  steps, floor, lanes, process, files or fixed
    row    what is measured; in `steps`, `floor` and `lanes`, shape and recipe
    peer   an engine, where there are several
    """

    table: str
    row: str
    peer: str
    bound: float
    at_most: bool = False
    strict: bool = False

    def is_met(self, value: float) -> bool:
        """Whether a value is within the bound."""
        if self.at_most:
            return value <= self.bound
        return value > self.bound if self.strict else value >= self.bound

    def __str__(self) -> str:
        """`≥ 8`."""
        sign = "≤" if self.at_most else ">" if self.strict else "≥"
        return f"{sign} {self.bound:g}"


def row_of(shape: Shape, recipe: Recipe) -> str:
    """Return the name of one training."""
    return f"{shape.name} {recipe.name}"


# By shape: scikit-learn, PyTorch, JAX, and the share of a step that is bare products. A small
# network has no goal beside JAX, which compiles an epoch into one call: NumPy has twenty a step.
STEP_GOALS: tuple[tuple[float, float, float | None, float | None], ...] = (
    (6, 8, None, None),
    (5, 5, None, None),
    (5, 5, None, None),
    (1.6, 2.7, 1, 0.92),
    (1.4, 2, 1.05, 0.94),
)
CORE_GOALS = (0.9, 1)  # of the large ones on all cores, beside PyTorch and JAX
FIXED_COST_MICROSECONDS = 150


def _goals() -> list[Goal]:
    found = []
    for shape, (*ratios, share) in zip(SHAPES, STEP_GOALS, strict=True):
        row = row_of(shape, SGD)
        pairs = zip(PEERS, ratios, strict=True)
        found += [Goal("steps", row, e.name, r) for e, r in pairs if r is not None]
        if share is not None:
            found.append(Goal("floor", row, FLOOR.name, share))
    for shape in SHAPES:
        row = row_of(shape, ADAM)
        peers = [e for e in PEERS if e.dropout and not (e is JAX and shape in SMALL)]
        found += [Goal("steps", row, e.name, 1, strict=True) for e in peers]
    for shape in LANE_SHAPES:
        found += [Goal("lanes", row_of(shape, recipe), JAX.name, 1) for recipe in RECIPES]
    for shape, ratio in zip(LARGE, CORE_GOALS, strict=True):
        found += [Goal("cores", row_of(shape, SGD), name, ratio) for name in TABLES["cores"]]
    found += [Goal("process", name, "fastest", 3) for name in ("iris", "digits")]
    found.append(Goal("process", "help", "typer", 1.5, at_most=True))
    found.append(Goal("files", "seconds", "pandas", 1.5, at_most=True))
    found.append(Goal("files", "peak", "pandas", 1.6, at_most=True))
    found.append(Goal("fixed", "microseconds", "", FIXED_COST_MICROSECONDS, at_most=True))
    return found


GOALS = {(goal.table, goal.row, goal.peer): goal for goal in _goals()}


@dataclass(frozen=True)
class Extent:
    """How much is measured.

    whole  whether it is everything, so that the page may be written from it
    """

    shapes: tuple[Shape, ...]
    lane_shapes: tuple[Shape, ...]
    core_shapes: tuple[Shape, ...]
    rounds: int
    csv_rows: int
    evaluated_rows: int
    fixed_epochs: int
    whole: bool


WHOLE = Extent(SHAPES, LANE_SHAPES, LARGE, ROUNDS, 1_000_000, 1_000_000, 2000, whole=True)
_QUICK = tuple(Shape(s.widths, s.batch, 64, 3) for s in SHAPES[:2])
QUICK = Extent(_QUICK, _QUICK[:1], (), 2, 20_000, 20_000, 200, whole=False)
