"""Plant faults in the source of functions that `tracing.py` has found.

    behind a function   what it changed is multiplied by a factor, or put back as it was
    behind a statement  what that statement changed is multiplied by a factor, or put back

The source is compiled again with the fault, and only the code of the function is exchanged
(`__code__`), so that every reference to it sees the fault; the file is not touched.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import inspect
from dataclasses import dataclass
from functools import cache

import numpy as np
from tracing import ROOT, Found, Latest, copies, differs, watched

DEPTH = 5  # of objects in objects, in which a statement's arrays are looked for


class Spoiler:
    """What planted code calls, under the name `planted_fault`, before and after the right code."""

    def __init__(self, kind, how, *, restricted):
        self.kind, self.how, self.restricted = kind, how, restricted
        self.spoilt = self.new = 0  # arrays and new numbers spoiled behind a statement

    # behind a function

    def enter(self):
        """Copy the arrays; None before there are any."""
        if Latest.trainer is None or not hasattr(Latest.trainer, "step"):
            return None
        return copies(watched(Latest.trainer))

    def leave(self, before, values):
        """Spoil those that have changed."""
        if before is None:
            return
        handed = values.get("delta")
        for array, old in zip(watched(Latest.trainer)[self.kind], before[self.kind], strict=True):
            if differs(array, old):
                in_place = handed is not None and np.may_share_memory(handed, array)
                # What is written anew, and not, would be what unwritten memory holds.
                was = np.zeros_like(old) if self.kind == "δ" and not in_place else old
                array[...] = self.spoiled(array, old, was)

    def spoiled(self, array, old, was):
        """Return what an array is to hold that was `old`, or `was` with the function left out."""
        n_weights = Latest.trainer.network.architecture.layout.n_weights
        match self.how:
            case "left out":
                return was
            case "last row left out":
                n_rows = array.shape[-2]  # of members the last row of each
                return array * (np.arange(n_rows) < n_rows - 1)[:, np.newaxis]
            case "not divided by N":
                return array * array.shape[-2]
            case "on biases too":
                return array + 1e-4 * (np.arange(array.size) >= n_weights)
        if self.kind in ("δ", "gradient", "scale"):
            return array * self.how
        return old + self.how * (array - old)

    # behind a statement

    def before(self, values):
        """Copy what a statement can reach."""
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
            for kind in watched(Latest.trainer).values()
            for each in kind
        ):
            return
        if array.dtype == np.int64 and any(np.shares_memory(array, each) for each, _ in before):
            array = array.view(np.float64)  # relu works on the bits
        if array.dtype.kind != "f":
            return
        self.spoilt += 1
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
        self.new += is_new
        return value * self.how if is_new else value


def reachable(values):
    """Return the arrays of floats in local variables, in what they hold, and in objects of ours."""
    found, seen = [], set()

    def visit(value, depth):
        if id(value) in seen or depth > DEPTH:
            return
        seen.add(id(value))
        inside = ()
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "f" and value.size and value.flags.writeable:
                found.append(value)
        elif isinstance(value, tuple | list):
            inside = value
        elif isinstance(value, dict):
            inside = value.values()
        elif type(value).__module__.startswith("mlpcli.") and hasattr(value, "__dict__"):
            visit(vars(value), depth)
        for one in inside:
            visit(one, depth + 1)

    visit(values, 0)
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
    def name(self):
        """The function's name, for people."""
        return self.found.name.replace(".<locals>", "")

    @property
    def place(self):
        """The kind of array, or the statement's or the changed source's text."""
        if self.text is not None:
            return self.text[0]
        return self.kind if self.statement is None else statement_texts(self.found)[self.statement]

    @property
    def title(self):
        how = self.how if isinstance(self.how, str) else f"× {self.how:g}"
        return f"{self.name}: {self.place}  {f'→ {self.text[1]}' if self.text else how}"

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
