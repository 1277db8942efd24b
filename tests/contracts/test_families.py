"""Every family: a table whose members are frozen, documented, and within their own bounds."""

import dataclasses
import operator

import pytest

from mlpcli.data.augmentations import AUGMENTATIONS
from mlpcli.family import Family, settings_of
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.embeddings import EMBEDDINGS
from mlpcli.nn.initializers import INITIALIZERS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.norms import NORMS
from mlpcli.nn.optimizers import OPTIMIZERS
from mlpcli.nn.schedules import SCHEDULES
from mlpcli.nn.sharing import SHARINGS
from mlpcli.training.metrics import METRICS

FAMILIES = [
    ACTIVATIONS,
    INITIALIZERS,
    LOSSES,
    NORMS,
    EMBEDDINGS,
    OPTIMIZERS,
    SCHEDULES,
    SHARINGS,
    METRICS,
    AUGMENTATIONS,
]
BOUNDS = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}

each_member = pytest.mark.parametrize(
    "member",
    [
        pytest.param(member, id=f"{family.noun}-{name}")
        for family in FAMILIES
        for name, member in family.items()
    ],
)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.noun)
def test_a_member_knows_the_name_a_spec_uses(family):
    assert {name: member().name for name, member in family.items()} == {n: n for n in family}


@each_member
def test_a_member_cannot_be_changed_and_can_be_compared(member):
    for field in settings_of(member):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(member(), field.name, field.default)
    assert member() == member()
    assert hash(member()) == hash(member())


@each_member
def test_every_hyperparameter_is_documented_and_its_default_is_within_its_bounds(member):
    for field in settings_of(member):
        assert field.metadata["doc"], field.name
        for bound, limit in field.metadata["bounds"].items() if field.default is not None else ():
            assert BOUNDS[bound](field.default, limit), (field.name, bound)


@each_member
def test_a_member_has_a_docstring_of_its_own(member):
    generated = f"{member.__name__}("  # what dataclass writes where there is none
    assert member.__doc__
    assert not member.__doc__.startswith(generated)


def test_two_members_cannot_share_a_name():
    family = Family("planet")
    family.add("venus")(type("Venus", (), {}))
    with pytest.raises(ValueError, match="planet family named 'venus'"):
        family.add("venus")(type("Hesperus", (), {}))
