"""Every augmentation: in place, of the rows' type, deterministic; and each by its own formula."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from mlpcli.data.augmentation import TASKS
from mlpcli.data.augmentations import AUGMENTATIONS, TrainingRows
from mlpcli.data.augmenter import Augmenter
from mlpcli.data.images import covered, flipped, rotated, shifted
from mlpcli.data.scaling import Scaling
from mlpcli.errors import DataError

each = pytest.mark.parametrize("member", [pytest.param(m, id=n) for n, m in AUGMENTATIONS.items()])
each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
HEIGHT, WIDTH = 3, 4


def rows(dtype="float64", *, n=60, categories=True, image=False, width=0.0):
    """Return training rows: nine numbers and a category of three, or 3 × 4 images; two classes.

    Class 1 is the smaller. Scaled by shift 5 and scale 2: raw = 2 X + 5; with a width w,
    raw = 2 w sinh(X / w) + 5.
    """
    rng = np.random.default_rng(1)
    X = rng.normal(size=(n, 12)).astype(dtype)
    numeric = np.ones(12, bool)
    columns = np.arange(12)
    if categories and not image:
        numeric[9:] = False
        columns[9:] = 9
        X[:, 9:] = np.eye(3)[rng.integers(0, 3, n)]
    target = (np.arange(n) % 4 == 0).astype(np.intp)
    scaling = Scaling(
        np.where(numeric, 5.0, 0.0), np.where(numeric, 2.0, 1.0), np.where(numeric, width, 0.0)
    )
    shape = (HEIGHT, WIDTH, 1) if image else None
    return TrainingRows(X, target, ("no", "yes"), scaling, numeric, columns, shape)


def spread(low, high):
    return Scaling(np.full(12, 5.0), np.linspace(low, high, 12), np.zeros(12))


def rows_for(member, dtype="float64", **given):
    return rows(dtype, image=member.needs_image, **given)


def chunk_of(augmenter, training, slots):
    """Return the slots' X and target, gathered as the trainer does; mixable where it must be."""
    source = augmenter.source[slots]
    target = training.target
    if augmenter.mixes:
        target = np.eye(training.n_classes, dtype=training.X.dtype)[target]
    return training.X[source], target[source]


def augmented(training, *members, slots=None, seed=0):
    """Return the augmenter, the slots, and X and target as it makes them."""
    augmenter = Augmenter(members, training)
    if slots is None:
        slots = np.random.default_rng(9).permutation(augmenter.n_slots)
    X, target = chunk_of(augmenter, training, slots)
    generators = [np.random.default_rng([seed, k]) for k in range(len(members))]
    augmenter.apply(X, target, slots, generators)
    return augmenter, slots, X, target


# ---------------------------------------------------------------- the contract


def test_the_whole_family_is_in_the_table():
    names = "mixup feature_swap jitter smote shift flip rotate cutout"
    assert set(names.split()) <= set(AUGMENTATIONS)


@each
def test_a_docstring_has_a_formula_and_a_source(member):
    formula = member.__doc__.splitlines()[0]
    assert " = " in formula
    assert "Source: " in member.__doc__
    assert any(str(year) in member.__doc__.partition("Source: ")[2] for year in range(1990, 2026))


@each
def test_it_says_what_it_is_for(member):
    assert member.tasks
    assert set(member.tasks) <= set(TASKS)


@each
@each_dtype
def test_the_type_stays_and_the_training_rows_too(member, dtype):
    training = rows_for(member, dtype)
    before = training.X.copy(), training.target.copy()
    augmenter, slots, X, target = augmented(training, member())
    assert X.dtype == dtype
    assert target.dtype == (dtype if augmenter.mixes else np.intp)
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(training.X, before[0])
    np.testing.assert_array_equal(training.target, before[1])
    assert not np.array_equal(X, training.X[augmenter.source[slots]])  # and something happened


@each
def test_it_works_in_place_on_a_view(member):
    training = rows_for(member)
    augmenter = Augmenter([member()], training)
    slots = np.arange(augmenter.n_slots)
    X, target = chunk_of(augmenter, training, slots)
    wide = np.full((len(X) + 3, X.shape[1] + 5), 7.0)
    view = wide[:-3, 2:-3]
    view[...] = X
    augmenter.apply(view, target.copy(), slots, [np.random.default_rng([0, 0])])
    _, _, expected, _ = augmented(training, member(), slots=slots)
    np.testing.assert_array_equal(view, expected)
    view[...] = 7
    assert (wide == 7).all()


@each
def test_the_same_generator_gives_the_same_bits_and_another_gives_others(member):
    training = rows_for(member)
    first, again, other = (augmented(training, member(), seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first[2], again[2])
    np.testing.assert_array_equal(first[3], again[3])
    assert not np.array_equal(first[2], other[2])


@each
def test_a_chunk_of_one_row_and_of_none(member):
    training = rows_for(member)
    augmenter = Augmenter([member()], training)
    for slots in (np.array([augmenter.n_slots - 1]), np.empty(0, np.intp)):
        X, target = chunk_of(augmenter, training, slots)
        augmenter.apply(X, target, slots, [np.random.default_rng(0)])
        assert np.isfinite(X).all()
        if augmenter.mixes:  # with itself alone
            np.testing.assert_array_equal(X, training.X[slots])
            np.testing.assert_array_equal(target.sum(axis=1), np.ones(len(slots)))


@pytest.mark.parametrize("name", [name for name in AUGMENTATIONS if name != "smote"])
def test_the_share_of_rows_that_it_is_applied_to(name):
    member = AUGMENTATIONS[name]
    training = rows_for(member, n=4000)
    n_changed = []
    for probability in (1.0, 0.25):
        _, slots, X, _ = augmented(training, member(probability=probability))
        n_changed.append((training.X[slots] != X).any(axis=1).sum())
    # A quarter of those that 1 changes (few are changed into themselves), to five deviations.
    assert n_changed[0] > 2400
    assert n_changed[1] == pytest.approx(n_changed[0] / 4, abs=5 * np.sqrt(4000 * 3 / 16))


LARGEST = {"float32": 3.4e38, "float64": 1.7e308}
SMALLEST = {"float32": 1.4e-45, "float64": 5e-324}


@each
@each_dtype
@given(picks=st.lists(st.integers(0, 5), min_size=96, max_size=96))
def test_numbers_at_the_limits_raise_nothing_and_warn_of_nothing(member, dtype, picks):
    large, small = LARGEST[dtype], SMALLEST[dtype]
    values = np.array([0, 1, large, -large, small, -small], dtype)
    for scale, width in ((1.0, 0), (1e-300, 0), (1e300, 0), (1.0, 3), (1e-300, 3), (1e300, 3)):
        training = replace(
            rows_for(member, dtype, n=8, categories=False),  # two rows of class 1
            X=values[picks].reshape(8, 12),
            scaling=Scaling(np.full(12, 5.0), np.full(12, scale), np.full(12, width)),
        )
        augmented(training, member())


def test_a_member_draws_from_its_own_generator_only():
    training = rows()
    jitter = AUGMENTATIONS["jitter"](std=0.5)
    mixup = AUGMENTATIONS["mixup"](probability=1e-12)  # draws, but changes nothing
    _, slots, with_mixup, _ = augmented(training, mixup, jitter)
    augmenter = Augmenter([jitter], training)
    X, target = chunk_of(augmenter, training, slots)
    augmenter.apply(X, target, slots, [np.random.default_rng([0, 1])])
    np.testing.assert_array_equal(X, with_mixup)


def test_members_run_in_the_spec_s_order():
    training = rows(image=True)
    members = AUGMENTATIONS["cutout"](size=3, probability=1.0), AUGMENTATIONS["jitter"]()
    counts = []
    for order in (members, members[::-1]):
        _, _, X, _ = augmented(training, *order)
        raw = 2 * X + 5
        counts.append(int((np.abs(raw) < 1e-12).sum()))
    assert counts == [0, 9 * len(training.X)]  # noise over the hole, or a hole in the noise


def test_without_members_an_epoch_goes_over_the_rows_as_they_are():
    training = rows()
    augmenter, slots, X, target = augmented(training)
    assert (augmenter.n_slots, augmenter.mixes) == (60, False)
    np.testing.assert_array_equal(X, training.X[slots])
    np.testing.assert_array_equal(target, training.target[slots])


# ---------------------------------------------------------------- mixtures


class Fixed:
    """A generator whose draws are given."""

    def __init__(self, **draws):
        self.draws = draws

    def __getattr__(self, name):
        return lambda *_, **__: np.array(self.draws[name])


OWN = 7.7


def test_mixup_by_hand():
    training = replace(rows(n=4), X=np.array([[0.0], [1.0], [10.0], [OWN]]))
    augmenter = Augmenter([AUGMENTATIONS["mixup"](probability=0.5)], training)
    X = training.X.copy()
    target = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    # Row 2 is not chosen; row 3 is its own partner.
    draws = Fixed(beta=[0.75, 0.5, 0.1, 0.1], permutation=[1, 2, 0, 3], random=[0, 0.4, 0.5, 0])
    augmenter.apply(X, target, np.arange(4), [draws])
    # 0.75 · 0 + 0.25 · 1; 0.5 · 1 + 0.5 · 10; the last two to the bit, not 0.1 x + 0.9 x.
    np.testing.assert_array_equal(X, [[0.25], [5.5], [10.0], [OWN]])
    assert 0.1 * OWN + (1 - 0.1) * OWN != OWN
    np.testing.assert_allclose(target, [[0.75, 0.25], [0.5, 0.5], [1, 0], [0, 1]], rtol=1e-15)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_mixup_s_shares_have_the_moments_of_the_beta_distribution(alpha):
    # One row of class 1, at 1, among those of class 0, at 0: a mixed row's X is its share.
    n = 20_000
    target = np.arange(n) % 2
    X = target[:, np.newaxis].astype(float)
    training = replace(rows(n=4), X=X, target=target)
    _, _, X, mixed = augmented(training, AUGMENTATIONS["mixup"](alpha=alpha), slots=np.arange(n))
    np.testing.assert_allclose(X[:, 0], mixed[:, 1], atol=1e-15)
    np.testing.assert_allclose(mixed.sum(axis=1), 1, atol=1e-15)
    # Half of the rows 0 have a partner 1: there the share is 1 − λ, elsewhere it stays 0.
    share = mixed[target == 0, 1]
    share = share[share > 1e-300]
    variance = 1 / (4 * (2 * alpha + 1))
    assert share.mean() == pytest.approx(0.5, abs=5 * np.sqrt(variance / len(share)))
    if alpha >= 1:  # below, the smallest shares are 0 and not counted: fewer, but of no variance
        assert share.var() == pytest.approx(variance, rel=0.05)


def test_feature_swap_by_hand():
    # Columns 0 and 1 are numbers, column 2 a category of two.
    training = replace(
        rows(n=4),
        X=np.array([[1.0, 2.0, 1.0, 0.0], [5.0, 6.0, 0.0, 1.0]]),
        target=np.array([0, 1]),
        numeric=np.array([True, True, False, False]),
        columns=np.array([0, 1, 2, 2]),
    )
    augmenter = Augmenter([AUGMENTATIONS["feature_swap"](share=0.5)], training)
    X, target = training.X.copy(), np.eye(2)

    class Draws:
        def permutation(self, n):
            return np.array([1, 0])

        def random(self, size, dtype=None):
            if dtype is None:
                return np.zeros(size)
            assert size == (2, 3)  # one for each column
            return np.array([[0.4, 0.6, 0.1], [0.6, 0.6, 0.6]])  # below 0.5: taken

    augmenter.apply(X, target, np.arange(2), [Draws()])
    np.testing.assert_array_equal(X, [[5, 2, 0, 1], [5, 6, 0, 1]])
    np.testing.assert_allclose(target, [[1 / 3, 2 / 3], [0, 1]], rtol=1e-15)


def test_swapped_features_are_a_partner_s_and_categories_stay_whole():
    training = rows(n=400)
    member = AUGMENTATIONS["feature_swap"](share=0.3, probability=1.0)
    _, slots, X, _ = augmented(training, member)
    original = training.X[slots]
    for feature in range(12):  # a column of the chunk is made of values of the same column
        assert set(X[:, feature]) <= set(original[:, feature])
    np.testing.assert_array_equal(X[:, 9:].sum(axis=1), np.ones(400))
    changed = (X[:, :9] != original[:, :9]).mean()
    assert changed == pytest.approx(0.3, abs=5 * np.sqrt(0.21 / (400 * 9)))


# ---------------------------------------------------------------- noise


def test_jitter_has_its_standard_deviation_and_leaves_categories():
    training = rows(n=4000)
    _, slots, X, target = augmented(training, AUGMENTATIONS["jitter"](std=0.3))
    noise = (X - training.X[slots])[:, :9]
    assert noise.mean() == pytest.approx(0, abs=5 * 0.3 / np.sqrt(noise.size))
    assert noise.std() == pytest.approx(0.3, rel=5 / np.sqrt(2 * noise.size))
    np.testing.assert_array_equal(X[:, 9:], training.X[slots][:, 9:])
    np.testing.assert_array_equal(target, training.target[slots])


def test_jitter_needs_a_numeric_column():
    training = replace(rows(), numeric=np.zeros(12, bool))
    with pytest.raises(DataError, match="jitter is for numeric columns") as caught:
        Augmenter([AUGMENTATIONS["jitter"]()], training)
    assert caught.value.key == ("regularization", "augmentation", 0)


# ---------------------------------------------------------------- smote


@pytest.mark.parametrize(("ratio", "counts"), [(1.0, (45, 45)), (0.5, (45, 22)), (0.3, (45, 15))])
def test_smote_fills_classes_up_to_the_ratio(ratio, counts):
    # 45 rows of class 0 and 15 of class 1; 0.5 · 45 = 22.5 is rounded to even.
    augmenter = Augmenter([AUGMENTATIONS["smote"](ratio=ratio)], rows(n=60))
    classes = rows(n=60).target[augmenter.source]
    assert tuple(np.bincount(classes)) == counts
    np.testing.assert_array_equal(augmenter.source[:60], np.arange(60))
    copies = np.bincount(augmenter.source[60:], minlength=60)[rows(n=60).target == 1]
    assert copies.max() - copies.min() <= 1


def test_smote_s_points_lie_on_segments_between_scikit_learn_s_neighbours():
    training = rows(n=80, categories=False)
    k = 3
    augmenter, slots, X, _ = augmented(training, AUGMENTATIONS["smote"](k=k))
    own = np.flatnonzero(training.target == 1)
    nearest = own[
        NearestNeighbors(n_neighbors=k).fit(training.X[own]).kneighbors(return_distance=False)
    ]
    neighbours = dict(zip(own.tolist(), nearest.tolist(), strict=True))
    np.testing.assert_array_equal(augmenter.fitted[0].nearest[own], nearest)
    ways, used = [], set()
    for x, slot in zip(X, slots, strict=True):
        i = int(augmenter.source[slot])
        if slot < 80:
            np.testing.assert_array_equal(x, training.X[i])  # the rows themselves stay
            continue
        found = []
        for j in neighbours[i]:
            direction = training.X[j] - training.X[i]
            way = (x - training.X[i]) @ direction / (direction @ direction)
            off = np.abs(x - training.X[i] - way * direction).max()
            if off < 1e-12 and -1e-12 <= way <= 1:
                found.append((j, way))
        ((j, way),) = found
        ways.append(way)
        used.add((i, neighbours[i].index(j)))
    assert len(ways) == 60 - 20
    assert np.mean(ways) == pytest.approx(0.5, abs=5 / np.sqrt(12 * len(ways)))
    assert {place for _, place in used} == {0, 1, 2}


def test_smote_in_a_large_class_is_searched_in_blocks(monkeypatch):
    training = rows(n=80, categories=False)
    whole = Augmenter([AUGMENTATIONS["smote"]()], training).fitted[0].nearest
    monkeypatch.setattr("mlpcli.data.neighbours.BLOCK_NUMBERS", 70)  # 3 of the 20 rows at once
    np.testing.assert_array_equal(
        Augmenter([AUGMENTATIONS["smote"]()], training).fitted[0].nearest, whole
    )


def test_smote_does_not_interpolate_categories():
    augmenter, slots, X, _ = augmented(rows(), AUGMENTATIONS["smote"]())
    assert set(np.unique(X[:, 9:])) == {0.0, 1.0}
    np.testing.assert_array_equal(X[:, 9:].sum(axis=1), np.ones(len(slots)))
    before = rows().X[augmenter.source[slots]][:, 9:]
    assert (X[:, 9:] != before).any()  # some are the neighbour's


def test_smote_with_fewer_neighbours_than_k_and_with_none():
    training = rows(n=8)  # two rows of class 1
    _, slots, X, _ = augmented(training, AUGMENTATIONS["smote"](k=5))
    a, b = training.X[[0, 4], :9]
    for x in X[slots >= 8][:, :9]:
        way = (x - a) @ (b - a) / ((b - a) @ (b - a))
        np.testing.assert_allclose(x, a + way * (b - a), atol=1e-12)
    with pytest.raises(DataError, match="the class 'yes' has one training row") as caught:
        Augmenter([AUGMENTATIONS["smote"]()], rows(n=4))
    assert caught.value.key == ("regularization", "augmentation", 0)
    with pytest.raises(DataError, match="the target has none"):
        Augmenter([AUGMENTATIONS["smote"]()], replace(rows(), target=np.zeros((60, 1)), classes=()))


def test_smote_of_classes_of_one_size_and_of_a_class_without_rows():
    even = replace(rows(n=8), target=np.arange(8) % 2)
    assert Augmenter([AUGMENTATIONS["smote"]()], even).n_slots == 8
    absent = replace(even, classes=("a", "b", "c"))
    assert Augmenter([AUGMENTATIONS["smote"]()], absent).n_slots == 8


def test_rows_that_smote_adds_are_mixed_too():
    members = AUGMENTATIONS["smote"](), AUGMENTATIONS["mixup"](alpha=5.0)
    augmenter, slots, X, target = augmented(rows(), *members)
    assert (augmenter.n_slots, augmenter.mixes) == (90, True)
    np.testing.assert_allclose(target.sum(axis=1), 1)
    assert target[slots >= 60].max() < 1.0 + 1e-12
    assert len(np.unique(X[:, 0])) == 90


# ---------------------------------------------------------------- images


def images(n=2, height=HEIGHT, width=WIDTH, channels=1):
    return np.arange(1.0, n * height * width * channels + 1).reshape(n, height, width, channels)


def test_a_shift_by_hand():
    picture = images(1)  # 1 2 3 4 / 5 6 7 8 / 9 10 11 12
    moved = shifted(np.repeat(picture, 3, axis=0), np.array([1, -1, 0]), np.array([1, 0, -3]))
    np.testing.assert_array_equal(
        moved[..., 0],
        [
            [[0, 0, 0, 0], [0, 1, 2, 3], [0, 5, 6, 7]],
            [[5, 6, 7, 8], [9, 10, 11, 12], [0, 0, 0, 0]],
            [[4, 0, 0, 0], [8, 0, 0, 0], [12, 0, 0, 0]],
        ],
    )


def test_shifts_are_uniform_over_all_whole_pixels():
    # A single bright pixel in the middle of 5 × 5 says where each image went.
    n = 9000
    X = np.zeros((n, 25))
    X[:, 12] = 1
    ones, zeros = np.ones(25), np.zeros(25)
    scaling = Scaling(zeros, ones, zeros)
    training = TrainingRows(
        X, np.arange(n) % 2, (0, 1), scaling, ones > 0, np.arange(25), (5, 5, 1)
    )
    _, _, moved, _ = augmented(training, AUGMENTATIONS["shift"](pixels=1))
    found = moved.reshape(n, 5, 5)
    np.testing.assert_array_equal(found.sum(axis=(1, 2)), np.ones(n))
    counts = found.sum(axis=0)[1:4, 1:4]
    assert counts.sum() == n
    np.testing.assert_allclose(counts, n / 9, atol=5 * np.sqrt(n * 8 / 81))


@each_dtype
@pytest.mark.parametrize("name", ["shift", "flip", "rotate", "cutout"])
def test_images_scaled_by_asinh_are_changed_in_their_own_unit(name, dtype):
    # The same pixels and draws, scaled linearly and by 3 asinh(z / 3), end as the same images.
    linear, bent = rows(dtype, image=True), rows(dtype, image=True, width=3.0)
    bent.X[...] = 3 * np.arcsinh(linear.X / 3)
    _, _, expected, _ = augmented(linear, AUGMENTATIONS[name]())
    _, _, found, _ = augmented(bent, AUGMENTATIONS[name]())
    assert (expected != linear.X).any()
    assert found.dtype == dtype
    np.testing.assert_allclose(
        2 * 3 * np.sinh(found / 3) + 5, 2 * expected + 5, rtol=1e-5, atol=1e-5
    )


def test_flips_by_hand_and_twice():
    yes, no = np.array([True, True]), np.array([False, True])
    once = flipped(images(), yes, no)
    np.testing.assert_array_equal(once[0], images()[0, :, ::-1])
    np.testing.assert_array_equal(once[1], images()[1, ::-1, ::-1])
    np.testing.assert_array_equal(flipped(once, yes, no), images())


@pytest.mark.parametrize(("horizontal", "vertical"), [(True, False), (False, True), (True, True)])
def test_flip_does_what_is_on(horizontal, vertical):
    training = rows(image=True)
    member = AUGMENTATIONS["flip"](horizontal=horizontal, vertical=vertical, probability=1.0)
    _, slots, X, _ = augmented(training, member)
    expected = training.X[slots].reshape(-1, HEIGHT, WIDTH)
    expected = expected[:, :, ::-1] if horizontal else expected
    expected = expected[:, ::-1] if vertical else expected
    np.testing.assert_allclose(X.reshape(expected.shape), expected, atol=1e-14)


@each_dtype
def test_flipped_twice_rows_are_what_they_were(dtype):
    training = replace(rows(dtype, image=True), scaling=spread(0.5, 3))
    flip = AUGMENTATIONS["flip"](probability=1.0)
    _, slots, X, _ = augmented(training, flip, flip)
    # Rounded at up to 30 scales of one pixel from 0; a scale of the other is up to 6 times that.
    atol = 30 * 6 * np.finfo(dtype).eps
    np.testing.assert_allclose(X, training.X[slots], rtol=0, atol=atol)


@pytest.mark.parametrize("shape", [(4, 4), (5, 5), (1, 1)])
@pytest.mark.parametrize("quarter", [1, 2, 3, -1])
def test_quarter_turns_are_numpy_s(shape, quarter):
    pictures = images(3, *shape, channels=2)
    turned = rotated(pictures, np.full(3, quarter * np.pi / 2))
    np.testing.assert_allclose(turned, np.rot90(pictures, quarter, axes=(1, 2)), atol=1e-12)


def test_a_half_turn_of_a_rectangle():
    turned = rotated(images(), np.array([np.pi, 0.0]))
    np.testing.assert_allclose(turned[0], images()[0, ::-1, ::-1], atol=1e-13)
    np.testing.assert_array_equal(turned[1], images()[1])  # by 0: exactly


def test_a_turn_is_bilinear_by_hand():
    # Turned by 45° counterclockwise, the pixel above the centre comes from ½√2 above and ½√2 to
    # the right of it: between the centre, its two neighbours there, and the corner.
    away = np.sqrt(0.5)
    weights = {(0, 2): away * away, (0, 1): away * (1 - away), (1, 2): away * (1 - away)}
    weights[1, 1] = (1 - away) ** 2
    for pixel, weight in weights.items():
        picture = np.zeros((1, 3, 3, 1))
        picture[0, *pixel] = 8
        assert rotated(picture, np.array([np.pi / 4]))[0, 0, 1, 0] == pytest.approx(8 * weight)


def test_what_a_turn_brings_in_from_outside_is_zero():
    # Turned by 45° the corner of 3 × 3 ones comes from √2 beside the centre: √2 − 1 outside.
    turned = rotated(np.ones((1, 3, 3, 1)), np.array([np.pi / 4]))[0, :, :, 0]
    np.testing.assert_allclose(turned[[0, 0, 2, 2], [0, 2, 0, 2]], 2 - np.sqrt(2))
    np.testing.assert_allclose(turned[1], 1)


@each_dtype
def test_rotate_by_nothing_is_exact(dtype):
    training = replace(rows(dtype, image=True), scaling=spread(0.1, 3))
    _, slots, X, _ = augmented(training, AUGMENTATIONS["rotate"](degrees=0.0))
    np.testing.assert_array_equal(X, training.X[slots])


def test_angles_are_uniform_in_both_directions():
    # A ramp across the picture: at the right neighbour of the centre it reads cos θ.
    n = 4000
    ramp = np.tile(np.arange(-2.0, 3.0), (5, 1))
    X = np.repeat(ramp.reshape(1, 25), n, axis=0)
    ones, zeros = np.ones(25), np.zeros(25)
    scaling = Scaling(zeros, ones, zeros)
    training = TrainingRows(
        X, np.arange(n) % 2, (0, 1), scaling, ones > 0, np.arange(25), (5, 5, 1)
    )
    _, _, turned, _ = augmented(training, AUGMENTATIONS["rotate"](degrees=40.0))
    turned = turned.reshape(n, 5, 5)
    # The plane x ↦ x is turned to x cos θ − y sin θ, which bilinear interpolation gives exactly.
    angle = np.degrees(np.arctan2(-turned[:, 3, 2], turned[:, 2, 3]))
    assert np.abs(angle).max() <= 40
    assert angle.mean() == pytest.approx(0, abs=5 * 80 / np.sqrt(12 * n))
    assert angle.std() == pytest.approx(80 / np.sqrt(12), rel=0.05)


def test_cutout_by_hand():
    cut = covered(images(), np.array([0, 1]), np.array([2, 0]), 2)
    assert cut[0, :, :, 0].tolist() == [[1, 2, 0, 0], [5, 6, 0, 0], [9, 10, 11, 12]]
    assert cut[1, :, :, 0].tolist() == [[13, 14, 15, 16], [0, 0, 19, 20], [0, 0, 23, 24]]


def test_cutout_covers_a_square_of_raw_zeros_anywhere_within():
    training = rows(image=True, n=3000)
    _, slots, X, _ = augmented(training, AUGMENTATIONS["cutout"](size=2, probability=1.0))
    zero = np.abs(X * 2 + 5) < 1e-12
    assert (zero.sum(axis=1) == 4).all()
    np.testing.assert_array_equal(X[~zero], training.X[slots][~zero])
    first = zero.argmax(axis=1)  # of 2 · 3 places
    places, counts = np.unique(first, return_counts=True)
    assert places.tolist() == [0, 1, 2, 4, 5, 6]
    np.testing.assert_allclose(counts, 500, atol=5 * np.sqrt(3000 * 5 / 36))


def test_pixels_from_outside_are_zero_in_raw_units():
    training = rows(image=True)  # raw = 2 X + 5: raw 0 is −2.5
    _, slots, X, _ = augmented(training, AUGMENTATIONS["shift"](pixels=2))
    new = X[~np.isclose(X[:, :, np.newaxis], training.X[slots][:, np.newaxis]).any(axis=2)]
    assert len(new) > 100
    np.testing.assert_allclose(new, -2.5)


@pytest.mark.parametrize("name", ["shift", "flip", "rotate", "cutout"])
def test_how_many_images_are_changed_at_once_does_not_show(name, monkeypatch):
    training = rows("float32", image=True)
    _, _, whole, _ = augmented(training, AUGMENTATIONS[name]())
    monkeypatch.setattr("mlpcli.data.images.BLOCK_BYTES", 7 * 12 * 4)  # seven of the sixty
    _, _, parts, _ = augmented(training, AUGMENTATIONS[name]())
    np.testing.assert_array_equal(parts, whole)


def test_channels_move_together():
    training = replace(rows(image=True), image=(2, 2, 3))
    _, slots, X, _ = augmented(training, AUGMENTATIONS["flip"](probability=1.0))
    expected = training.X[slots].reshape(-1, 2, 2, 3)[:, :, ::-1]
    np.testing.assert_allclose(X.reshape(expected.shape), expected, atol=1e-14)


def test_an_image_augmentation_needs_images():
    for name, member in AUGMENTATIONS.items():
        if member.needs_image:
            with pytest.raises(DataError, match=f"{name} is for images") as caught:
                Augmenter([member()], rows())
            assert caught.value.key == ("data", "image")
