"""What the commands say of a network."""

import pytest

from mlpcli.cli.describe import members_line, note_guesses
from mlpcli.data.guesses import Guess
from mlpcli.nn.activations import ACTIVATIONS
from mlpcli.nn.losses import LOSSES
from mlpcli.nn.network import Architecture, Layer
from mlpcli.nn.sharing import SHARINGS, Members

# Of 4-4-2, each member: r 4, s 4, b 4, and a head 4·2 + 2, or r 4, s 2 and c 2 of the output.
OWN = {"tabm": 22, "tabm_mini": 14, "batch_ensemble": 20}


@pytest.mark.parametrize("kind", SHARINGS)
def test_a_members_own_parameters_are_counted_even_where_k_is_a_width(kind):
    layers = (Layer(4, ACTIVATIONS["tanh"]()),)
    members = Members(4, SHARINGS[kind]())
    one = Architecture(4, layers, 2, LOSSES["mse"](), members=members)
    expected = f"{kind} of 4 members, each with {OWN[kind]} parameters of its own"
    assert members_line(one) == expected


@pytest.mark.parametrize(("n", "shown", "more"), [(0, 0, ""), (8, 8, ""), (9, 7, 2), (40, 7, 33)])
def test_guesses_are_told_before_a_training_the_first_ones_of_many(n, shown, more, capsys):
    note_guesses([Guess("reading", f"guess {k}") for k in range(n)], "my specs/a.yaml")
    out, err = capsys.readouterr()
    expected = [f"found: guess {k}" for k in range(shown)]
    if more:
        expected.append(f"found: and {more} more: mlp check 'my specs/a.yaml'")
    assert (out, err.splitlines()) == ("", expected)
