"""`published` finds a fault in any line of a bound step, within three steps.

Every statement that a step of an optimizer executes is found by tracing. Each is changed so that
what it writes is 1.01 times as large, or has the other sign, and θ is compared with the formula.
"""

import ast
import inspect
import sys
from types import CodeType

import numpy as np
import pytest

from mlpcli.nn import optimizers
from mlpcli.nn.optimizers import (
    OPTIMIZERS,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    AmsGrad,
    Lion,
    Nadam,
    RmsProp,
    Sgd,
    State,
)

GRADIENT = np.array([0.3, -0.5, 0.8, -0.1])
START = np.array([1.0, -1.0, 0.5, 2.0])
RATE = 0.01
TOLERANCE = 1e-6

# With settings at which every line matters: an ε that is not rounded away, a v that falls. Of a
# group, one member has to find a fault: lion's θ shows a factor only where it turns a sign.
GROUPS = [
    [Sgd()],
    [Sgd(momentum=0.9)],
    [Sgd(momentum=0.9, nesterov=True)],
    [Adagrad(epsilon=0.1)],
    [RmsProp(epsilon=0.1)],
    [RmsProp(epsilon=0.1, momentum=0.5, centered=True)],
    [Adadelta()],
    [Adam(epsilon=0.1)],
    [AmsGrad(epsilon=0.1, beta2=0.5)],
    [AdamW(epsilon=0.1)],
    [Nadam(epsilon=0.1)],
    [
        # β₁ m₁ + (1 − β₁) (−g/2) is near 0, and β₁ m₂ + (1 − β₁) 2g; above or below it
        *(Lion(beta1=0.5, beta2=beta2) for beta2 in (0.499, 0.501)),
        *(Lion(beta1=beta1, beta2=0.1) for beta1 in (0.8474, 0.8476)),
    ],
]
WITHOUT_EFFECT = {"lion": {("np.add(c, scratch, out=c)", 0, 1.01)}}  # sign(1.01 c) = sign(c)

# What neither θ nor the state shows at the default settings: 1 % of ε = 1e-8, and its sign; and of
# lion's c = β₁ m + (1 − β₁) g what does not turn its sign, which is that of g there.
EPSILON = {("epsilon_t[...] = epsilon * root", 0, factor) for factor in (1.01, -1.0)}
BY_DEFAULT = {"adam": EPSILON, "adamw": EPSILON, "amsgrad": EPSILON}
BY_DEFAULT["lion"] = WITHOUT_EFFECT["lion"] | {
    ("np.multiply(m, beta1, out=c)", 0, 1.01),
    ("np.multiply(m, beta1, out=c)", 0, -1.0),
    ("np.multiply(grad, rest1, out=scratch)", 0, 1.01),
}


def largest_error(optimizer, *, of_state=False):
    """Return the relative error of θ's change against the formula, the largest of three steps.

    of_state  whether the vectors carried from step to step are compared as well
    """
    theta, grad = START.copy(), np.zeros_like(START)
    state = State(optimizer, theta)
    step = optimizer.bind(theta, grad, np.array(RATE), state)
    expected, memory, errors = START, {}, []
    for factor in (1.0, -0.5, 2.0):
        grad[...] = factor * GRADIENT
        step()
        expected = optimizer.published(expected, factor * GRADIENT, RATE, memory)
        errors.append(relative_error(theta - START, expected - START))
        if of_state:
            carried = [value for value in memory.values() if isinstance(value, np.ndarray)]
            errors.extend(map(relative_error, state.vectors, carried))
    return np.inf if np.any(np.isnan(errors)) else max(errors)


def relative_error(found, expected):
    return np.max(np.abs(found - expected)) / np.max(np.abs(expected))


def executed(optimizer):
    """Return the lines (file, number) of our optimizers that a step executes."""
    theta, grad, lines = START.copy(), GRADIENT.copy(), set()
    step = optimizer.bind(theta, grad, np.array(RATE), State(optimizer, theta))
    room = inspect.getfile(optimizers).removesuffix("__init__.py")

    def trace(frame, event, _):
        if not frame.f_code.co_filename.startswith(room):
            return None
        if event == "line":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        step()
    finally:
        sys.settrace(before)
    return lines


def written(statement):
    """Return what a statement writes, as expressions to scale; None for what only directs."""
    if isinstance(statement, ast.For | ast.If):
        return None
    if isinstance(statement, ast.Return):
        return [statement.value]
    if isinstance(statement, ast.Assign):
        (target,) = statement.targets
        return target.elts if isinstance(target, ast.Tuple) else [target]
    assert isinstance(statement, ast.Expr), ast.unparse(statement)
    assert isinstance(statement.value, ast.Call), ast.unparse(statement)
    call = statement.value
    out = [keyword.value for keyword in call.keywords if keyword.arg == "out"]
    return out or call.args[:1]  # one of our functions writes to its first argument, if any


def planted(statement, target, factor):
    """Return the statements that take a statement's place."""
    place = ast.unparse(target)
    if isinstance(statement, ast.Return):
        return ast.parse(f"return ({place}) * {factor}").body
    if isinstance(statement, ast.Assign) and isinstance(target, ast.Name):
        return [statement, *ast.parse(f"{place} = {place} * {factor}").body]
    return [statement, *ast.parse(f"{place}[...] *= {factor}").body]


class Replaced(ast.NodeTransformer):
    """Puts statements in the place of one."""

    def __init__(self, statement, others):
        self.statement, self.others = statement, others

    def visit(self, node):
        return self.others if node is self.statement else super().generic_visit(node)


def functions_of(code, found):
    """Collect the code of each function in a module's code, by its qualified name."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            found[each.co_qualname] = each
            functions_of(each, found)
    return found


def faults_of(optimizer):
    """Yield each fault (place, statement, which of its targets, factor), module and code."""
    lines = executed(optimizer)
    for path in sorted({path for path, _ in lines}):
        module = inspect.getmodule(None, path)
        source = inspect.getsource(module)
        for number, node in enumerate(ast.walk(ast.parse(source))):
            is_executed = isinstance(node, ast.stmt) and (path, node.lineno) in lines
            for k in range(len(written(node) or ()) if is_executed else 0):
                for factor in (1.01, -1.0):
                    tree = ast.parse(source)
                    statement = list(ast.walk(tree))[number]
                    others = planted(statement, written(statement)[k], factor)
                    tree = ast.fix_missing_locations(Replaced(statement, others).visit(tree))
                    fault = (path, number), ast.unparse(node), k, factor
                    yield fault, module, compile(tree, path, "exec")


def plant(patch, module, code):
    """Give each function and method of a module the code of the same name."""
    codes = functions_of(code, {})
    owners = [module, *(c for c in vars(module).values() if inspect.isclass(c))]
    for owner in owners:
        for each in list(vars(owner).values()):
            name = getattr(each, "__qualname__", None)
            if inspect.isfunction(each) and each.__module__ == module.__name__ and name in codes:
                patch.setattr(each, "__code__", codes[name])


def found(optimizer, patch, **compared):
    """Return for each fault whether it shows."""
    shown = {}
    for fault, module, code in faults_of(optimizer):
        with patch.context() as planting, np.errstate(all="ignore"):
            plant(planting, module, code)
            shown[fault] = largest_error(optimizer, **compared) > TOLERANCE
    return shown


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: repr(group[0]))
def test_a_fault_in_any_line_of_a_step_is_found(group, monkeypatch):
    shown = {}
    for optimizer in group:
        assert largest_error(optimizer) < 1e-12
        for fault, is_shown in found(optimizer, monkeypatch).items():
            shown[fault] = shown.get(fault, False) or is_shown
        assert largest_error(optimizer) < 1e-12
    missed = {fault[1:] for fault, is_shown in shown.items() if not is_shown}
    print(f"{optimizer.name}: {len(shown)} faults, {len(missed)} without effect")  # noqa: T201  # seen with -s
    assert len(shown) >= 4
    assert missed == WITHOUT_EFFECT.get(optimizer.name, set())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_at_the_default_settings_theta_and_the_state_show_it(name, monkeypatch):
    optimizer = OPTIMIZERS[name]()
    assert largest_error(optimizer, of_state=True) < 1e-12
    shown = found(optimizer, monkeypatch, of_state=True)
    missed = {fault[1:] for fault, is_shown in shown.items() if not is_shown}
    assert missed == BY_DEFAULT.get(name, set())


def test_every_optimizer_is_among_them():
    assert {type(member) for group in GROUPS for member in group} == set(OPTIMIZERS.values())
