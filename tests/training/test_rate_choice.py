"""The rules by which a learning rate is taken, on made-up loss curves."""

import math

import numpy as np
import pytest

from mlpcli.training.rate_choice import Trial, lead_of, shortlist, taken

RATES = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0]
UNTRAINED = np.ones(3)
#                1e-4 3e-4  1e-3  3e-3  1e-2  3e-2   0.1   0.3  1
FALLS_AND_RISES = [0.95, 0.8, 0.5, 0.3, 0.2, 0.199, 0.21, 0.9, np.inf]


def best(*curves, untrained=UNTRAINED, largest=math.inf):
    """Return the rate on the shortlist, and the edge, of a curve a seed."""
    found = shortlist(RATES, np.array(curves), untrained, largest)
    return tuple(None if k is None else RATES[k] for k in (found.index, found.edge))


def test_the_smallest_rate_that_is_as_good_is_taken():
    # Of 0.1 the rate above counts, with 0.9; of 0.01 the one below, with 0.3; of 0.03, 0.21.
    assert best(*[FALLS_AND_RISES] * 3) == (3e-2, 0.3)
    plateau = [0.9, 0.5, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]
    assert best(*[plateau] * 3) == (3e-3, None)
    almost = [
        0.9,
        0.5,
        0.206,
        0.205,
        0.204,
        0.203,
        0.202,
        0.201,
        0.2,
    ]  # within 1 % of a gain of 0.8
    assert best(*[almost] * 3) == (3e-3, None)


def test_a_rate_counts_as_much_as_those_beside_it():
    lone = [0.9, 0.5, 0.3, 0.3, 0.3, 0.3, 0.2, 0.3, 0.3]  # 0.1 alone has 0.2
    assert best(*[lone] * 3) == (3e-3, None)


def test_the_first_and_the_last_rate_are_never_taken():
    still_falling = [0.99, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.1]
    assert best(*[still_falling] * 3)[0] == 0.3  # Adam at 10, on a few rows
    rising = [0.1, 0.11, 0.2, 0.25, 0.3, 0.5, 0.6, 0.7, 0.8]
    assert best(*[rising] * 3) == (3e-4, 1e-2)  # 0.1 + a fifth of 0.8 < 0.3


def test_one_lucky_seed_does_not_make_a_rate_good():
    good = [0.9, 0.5, 0.3, 0.3, 0.3, 0.35, 0.4, 0.42, 0.43]
    lucky = [0.9, 0.5, 0.3, 0.3, 0.3, 0.35, 0.01, 0.01, 0.01]
    assert best(good, lucky, lucky)[0] == 3e-3
    assert best(lucky, lucky, lucky)[0] == 0.3


def test_no_rate_is_within_a_factor_of_three_of_one_that_breaks_on_any_seed():
    good = [0.95, 0.9, 0.8, 0.7, 0.5, 0.3, 0.2, 0.1, 0.1]
    for broken in (np.inf, 0.9):
        spike = [*good[:6], broken, *good[7:]]  # 0.1 alone, on one seed of three
        taken_rate, edge = best(good, spike, good)
        assert edge == 0.1
        assert taken_rate <= 0.1 / 3
    # A rise by less than a fifth of what was gained is noise: 0.9 x 0.2 = 0.18.
    assert best(good, [*good[:7], 0.25, 0.25], good)[1] is None


def test_what_is_good_again_beyond_a_rate_that_breaks_is_not_taken():
    beyond = [0.95, 0.8, 0.6, 0.5, np.inf, 0.1, 0.1, 0.1, 0.1]
    assert best(*[beyond] * 3) == (1e-3, 1e-2)  # at 3e-3 the rate above breaks


def test_where_rates_are_close_the_factor_counts_and_not_the_next_one():
    rates = [0.1 * 1.5**k for k in range(8)]
    falls = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, np.inf]
    found = shortlist(rates, np.array([falls] * 3), UNTRAINED)
    assert (found.index, found.edge) == (4, 7)  # 1.5³ = 3.4 below; of 1.5² = 2.3 the next is good


def test_rates_above_the_largest_are_not_taken():
    still_falling = [0.99, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.1]
    assert best(*[still_falling] * 3, largest=0.1)[0] == 0.1


def test_no_rate_is_found_where_all_diverge():
    assert best(*[[np.inf] * 9] * 3) == (None, 1e-4)


def test_no_rate_is_found_where_a_seed_does_not_beat_its_untrained_loss():
    falls = [0.95, 0.8, 0.5, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2]
    flat = [1.0, 1.0, 1.0, 0.995, 0.995, 0.995, 0.995, 1.0, 1.01]
    assert best(flat, flat, flat)[0] is None
    assert best(falls, falls, flat)[0] is None
    assert best(falls, falls, falls, untrained=np.array([1.0, 1.0, 0.2]))[0] is None


def test_losses_below_zero_are_compared_alike():
    curve = np.array([0.95, 0.8, 0.5, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2])
    shifted = shortlist(RATES, np.array([curve - 5] * 3), UNTRAINED - 5)
    assert shifted.index == shortlist(RATES, np.array([curve] * 3), UNTRAINED).index


# ------------------------------------------------------------ longer trials


def trial(rate, loss, lead=0.0, error=0.01, least=-math.inf, catch_up=0.0):
    diverged = 0 if math.isfinite(loss) else 1
    return Trial(rate, loss, diverged, lead, least, error, catch_up)


def test_the_lead_is_a_mean_over_rows_with_the_larger_of_two_errors():
    spec = [np.array([3.0, 5.0]), np.array([2.0, 4.0])]
    other = [np.array([1.0, 2.0]), np.array([2.0, 5.0])]
    lead = lead_of(spec, other)  # by row 2, 3, 0, -1; by fold 2.5, -0.5
    assert (lead.mean, lead.least) == (1.0, -0.5)
    # over rows √(10/3 / 4) = 0.913; over folds √(4.5 / 2) = 1.5
    assert lead.error == pytest.approx(1.5)
    alike = lead_of([np.array([3.0, 5.0])] * 2, [np.array([1.0, 2.0])] * 2)  # 2, 3, 2, 3
    assert alike.error == pytest.approx(math.sqrt(1 / 3 / 4))


def test_the_specs_rate_is_kept_unless_another_is_better_by_three_standard_errors():
    spec = trial(0.1, 0.5)
    assert taken(spec, [trial(0.01, 0.471, lead=0.029)], None) is spec
    better = trial(0.01, 0.469, lead=0.031)
    assert taken(spec, [better], None) is better
    # Far better on every fold, but by how much differs from fold to fold.
    wild = trial(0.01, 0.3, lead=100.0, error=90.0, least=0.07)
    assert taken(spec, [wild], None) is wild
    assert taken(spec, [trial(0.01, 0.3, lead=100.0, error=90.0, least=0.05)], None) is spec
    assert taken(spec, [trial(0.01, 0.4981, lead=0.0019, error=1e-5)], None) is spec  # under 1 %


def test_a_rate_that_is_only_quicker_is_not_better():
    spec = trial(0.1, 0.5)
    assert taken(spec, [trial(0.3, 0.4, lead=0.1, catch_up=0.11)], None) is spec
    lasting = trial(0.3, 0.4, lead=0.1, catch_up=0.09)
    assert taken(spec, [lasting], None) is lasting


def test_of_several_better_ones_the_lowest_loss_is_taken():
    few = [trial(0.3, 0.41, lead=0.09), trial(0.03, 0.4, lead=0.1), trial(0.01, 0.42, lead=0.08)]
    assert taken(trial(0.1, 0.5), few, None).learning_rate == 0.03


def test_above_the_edge_one_standard_error_is_enough():
    spec, other = trial(1.0, 0.5), trial(0.01, 0.48, lead=0.02)
    assert taken(spec, [other], None) is spec
    assert taken(spec, [other], 3.0) is spec
    assert taken(spec, [other], 1.0) is other
    assert taken(spec, [trial(0.01, 0.491, lead=0.009)], 1.0) is spec


def test_a_rate_that_diverges_is_never_taken():
    spec, lost = trial(0.1, 0.5), trial(0.3, math.inf, lead=math.nan, error=math.nan)
    assert taken(spec, [lost], None) is spec
    sound = trial(0.01, 0.6, lead=math.nan, error=math.nan)
    assert taken(trial(0.1, math.inf), [lost, sound], None) is sound
    assert taken(trial(0.1, math.inf), [lost], None) is None
