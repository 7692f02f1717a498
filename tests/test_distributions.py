"""TokenDistribution against the enumeration of every string, and beyond it."""

import math

import pytest
import torch
from sklearn.base import clone

from sklearn_genre.distributions import MAX_LEAVES, TokenDistribution, leaves_of
from sklearn_genre.distributions import _token as token_module
from sklearn_genre.networks import DECODERS
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

WIDTH = 5
ROWS = 3
SMALL = {  # formats that are listed string by string; a new one: its defaults
    **{name: [member()] for name, member in TOKENIZERS.items()},
    "normalized": [
        NormalizedTokenizer(2, 1),
        NormalizedTokenizer(2, 3),
        NormalizedTokenizer(3, 3, "midpoint"),
        NormalizedTokenizer(10, 2, "floor"),
        NormalizedTokenizer(5, 2, "round"),
    ],
    "ieee": [IEEETokenizer(2, 1, 3), IEEETokenizer(10, 1, 1)],
    "p10": [P10Tokenizer(1, 2), P10Tokenizer(2, 0)],
}
ENUMERABLE = [tokenizer for members in SMALL.values() for tokenizer in members]
SORTED = SMALL["normalized"]
LARGE = [NormalizedTokenizer(10, 6), IEEETokenizer(10, 1, 4), P10Tokenizer(4, 10)]
every_decoder = pytest.mark.parametrize("name", DECODERS)
every_tokenizer = pytest.mark.parametrize("tokenizer", ENUMERABLE, ids=repr)
every_sorted = pytest.mark.parametrize("tokenizer", SORTED, ids=repr)
every_large = pytest.mark.parametrize("tokenizer", LARGE, ids=repr)
every_temperature = pytest.mark.parametrize("temperature", [1.0, 2.5])


def make_dist(name, tokenizer, temperature=1.0, dtype=torch.float64, rows=ROWS):
    """Return the laws of random contexts under a decoder with random weights."""
    tokenizer = clone(tokenizer).fit([-1.3, 0.2, 2.1])
    torch.manual_seed(0)
    decoder = DECODERS[name](WIDTH, tokenizer.allowed_tokens).eval()
    for parameter in decoder.requires_grad_(False).parameters():
        parameter.add_(0.15 * torch.randn_like(parameter))
    context = torch.randn(rows, WIDTH).to(dtype)
    leaves = leaves_of(tokenizer, context.device)
    return TokenDistribution(decoder.to(dtype), context, tokenizer, leaves, temperature)


def enumerate_strings(dist):
    """Return every string, (n, length), and its teacher-forced mass, (batch, n)."""
    strings = dist.tokenizer.grid()
    tokens = strings[:, None].expand(-1, len(dist.context), -1)
    return strings, dist.token_log_probs(tokens).sum(-1).T.double().exp()


def string_index(dist, tokens):
    """Return the place of each string (..., length) in tree order."""
    index = torch.zeros(tokens.shape[:-1], dtype=torch.int64)
    for position, allowed in enumerate(dist.tokenizer.allowed_tokens):
        rank = allowed.cumsum(0) - 1  # (vocab_size,)
        index = index * allowed.sum() + rank[tokens[..., position]]
    return index


def cdf_below(dist, tokens):
    """Return the mass of all strings before each one, and its own, as (n, batch)."""
    probs = dist.log_probs(tokens).exp()  # (n, batch, length, vocab_size)
    own = probs.gather(-1, tokens[..., None])[..., 0]
    smaller = (probs.cumsum(-1) - probs).gather(-1, tokens[..., None])[..., 0]
    before = torch.cat([torch.ones_like(own[..., :1]), own[..., :-1]], -1).cumprod(-1)
    return (before * smaller).sum(-1), own.prod(-1)


def levels_of(n):
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def assert_near(actual, expected, tolerance=1e-10):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


# The exact law


@every_temperature
@every_tokenizer
@every_decoder
def test_atoms_are_the_masses_of_the_strings(name, tokenizer, temperature):
    dist = make_dist(name, tokenizer, temperature)
    strings, masses = enumerate_strings(dist)
    assert_near(masses.sum(-1), torch.ones(ROWS).double())
    atoms = dist.atoms()
    assert_near(atoms.probs.sum(-1), torch.ones(ROWS).double(), 1e-12)
    numbers = dist.tokenizer.decode(strings).clamp(*dist.tokenizer.clip_range)
    assert (atoms.values.diff() > 0).all()
    assert set(atoms.values.tolist()) == set(numbers.tolist())
    for value, probs in zip(atoms.values, atoms.probs.T, strict=True):
        assert_near(probs, masses[:, numbers == value].sum(-1))


@every_tokenizer
@every_decoder
def test_moments_and_entropy_are_those_of_the_enumeration(name, tokenizer):
    dist = make_dist(name, tokenizer, 0.7)
    strings, masses = enumerate_strings(dist)
    numbers = dist.numbers(strings)
    atoms = dist.atoms()
    mean = masses @ numbers
    assert_near(atoms.mean, mean)
    assert_near(atoms.variance, masses @ numbers**2 - mean**2)
    assert_near(atoms.entropy, -torch.xlogy(masses, masses).sum(-1))


@every_sorted
@every_decoder
def test_mean_is_affine_in_the_mean_digits(name, tokenizer):
    dist = make_dist(name, tokenizer)
    strings, masses = enumerate_strings(dist)
    digits = masses @ strings.double()  # (batch, length)
    base, length = tokenizer.base, tokenizer.length
    weights = base ** -torch.arange(1.0, length + 1, dtype=torch.float64)
    place = digits @ weights + (tokenizer.rounding == "midpoint") * base**-length / 2
    if tokenizer.rounding == "endpoint":
        place = place / (1 - base**-length)
    assert_near(dist.atoms().mean, -1.3 + 3.4 * place)


@every_tokenizer
def test_clipped_mass_is_counted_and_moved_to_the_ends(tokenizer):
    dist = make_dist("mlp", tokenizer)
    strings, masses = enumerate_strings(dist)
    raw = dist.tokenizer.decode(strings)
    low, high = dist.tokenizer.clip_range
    atoms = dist.atoms()
    assert_near(atoms.clipped, masses[:, (raw < low) | (raw > high)].sum(-1), 1e-12)
    assert (atoms.values >= low).all()
    assert (atoms.values <= high).all()
    if atoms.clipped.any():
        ends = torch.tensor([raw.min(), raw.max()]).clamp(low, high)
        assert atoms.values[[0, -1]].tolist() == ends.tolist()


@pytest.mark.parametrize("name", ["ieee", "p10"])
def test_formats_that_need_clipping_and_merging_are_among_those_tested(name):
    leaves = [make_dist("mlp", tokenizer).leaves for tokenizer in SMALL[name]]
    assert any(leaf.column is not None for leaf in leaves)
    assert any(leaf.outside is not None for leaf in leaves)


@every_tokenizer
@every_decoder
def test_single_precision_loses_no_mass_and_no_gradient(name, tokenizer):
    dist = make_dist(name, tokenizer, dtype=torch.float32)
    atoms = dist.atoms()
    assert_near(atoms.probs.sum(-1), torch.ones(ROWS).double(), 1e-12)
    assert_near(atoms.probs, make_dist(name, tokenizer).atoms().probs, 1e-4)
    parameters = list(dist.decoder.requires_grad_().parameters())
    atoms = dist.atoms()
    for answer in (atoms.mean, atoms.variance, atoms.entropy):
        gradients = torch.autograd.grad(
            answer.sum(), parameters, retain_graph=True, materialize_grads=True
        )
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert any(gradient.any() for gradient in gradients)


def test_equal_targets_make_a_law_of_one_number():
    tokenizer = NormalizedTokenizer(2, 3)
    dist = make_dist("mlp", tokenizer)
    dist.tokenizer.fit([4.5, 4.5])
    dist.leaves = leaves_of(dist.tokenizer, dist.context.device)
    atoms = dist.atoms()
    assert atoms.values.tolist() == [4.5]
    assert_near(atoms.probs, torch.ones(ROWS, 1).double(), 1e-12)
    assert_near(atoms.variance, torch.zeros(ROWS).double(), 1e-12)


@pytest.mark.parametrize(
    ("tokenizer", "exact"),
    [(NormalizedTokenizer(2, 12), True), (NormalizedTokenizer(2, 13), False)],
)
def test_formats_up_to_the_limit_are_exact(tokenizer, exact):
    leaves = leaves_of(tokenizer.fit([0.0, 1.0]), torch.device("cpu"))
    assert (leaves is not None) == exact == (tokenizer.n_strings <= MAX_LEAVES)


# Scoring


@every_tokenizer
@every_decoder
def test_log_prob_of_a_target_is_the_mass_of_its_string(name, tokenizer):
    dist = make_dist(name, tokenizer, 1.6)
    _, masses = enumerate_strings(dist)
    y = torch.tensor([-1.3, 0.4, 99.0], dtype=torch.float64)
    index = string_index(dist, dist.tokenizer.encode(y))
    expected = masses[torch.arange(ROWS), index].log()
    assert_near(dist.log_prob(y), expected)
    leaves = dist.decoder.leaf_log_probs(dist.context, 1.6)
    assert_near(dist.log_prob(y), leaves[torch.arange(ROWS), index])


@every_tokenizer
def test_strings_are_listed_in_tree_order(tokenizer):
    dist = make_dist("mlp", tokenizer)
    index = string_index(dist, dist.tokenizer.grid())
    assert index.tolist() == list(range(dist.tokenizer.n_strings))


# Sampling


@every_temperature
@every_tokenizer
@every_decoder
def test_samples_have_the_frequencies_of_the_law(name, tokenizer, temperature):
    n = 2000
    dist = make_dist(name, tokenizer, temperature, rows=2)
    _, masses = enumerate_strings(dist)
    torch.manual_seed(3)
    with torch.no_grad():
        tokens, _ = dist.rollout(n)
    assert tokens.shape == (n, 2, dist.tokenizer.length)
    for row, index in enumerate(string_index(dist, tokens).T):
        counts = index.bincount(minlength=masses.shape[1])
        expected = n * masses[row]
        rare = expected < 5  # pooled
        counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
        expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
        kept = expected > 0
        statistic = ((counts - expected)[kept] ** 2 / expected[kept]).sum()
        degrees = max(int(kept.sum()) - 1, 1)
        # Chi-square is about normal in its cube root (Wilson and Hilferty).
        z = ((statistic / degrees) ** (1 / 3) - 1 + 2 / (9 * degrees)) / math.sqrt(
            2 / (9 * degrees)
        )
        assert z < 5


@every_temperature
@every_tokenizer
@every_decoder
def test_rollout_knows_its_log_probs(name, tokenizer, temperature):
    dist = make_dist(name, tokenizer, temperature)
    tokens, log_probs = dist.rollout(50)
    assert log_probs.shape == tokens.shape
    assert_near(log_probs, dist.token_log_probs(tokens))
    allowed = dist.tokenizer.allowed_tokens
    assert allowed[torch.arange(len(allowed)), tokens].all()


@every_decoder
def test_rollouts_come_from_the_seed(name):
    dist = make_dist(name, NormalizedTokenizer(10, 3))
    drawn = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        drawn.append(dist.rollout(20)[0])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@pytest.mark.parametrize("tokenizer", [*ENUMERABLE, *LARGE], ids=repr)
@every_decoder
def test_greedy_takes_the_likeliest_token_each_time(name, tokenizer):
    dist = make_dist(name, tokenizer, 2.0)
    greedy = dist.greedy()
    assert greedy.shape == (ROWS, dist.tokenizer.length)
    assert torch.equal(dist.log_probs(greedy[None])[0].argmax(-1), greedy)
    assert torch.equal(dist.at_temperature(0.1).greedy(), greedy)


# Temperature


@every_tokenizer
@every_decoder
def test_cold_laws_are_greedy(name, tokenizer):
    dist = make_dist(name, tokenizer).at_temperature(1e-9)
    greedy = dist.greedy()
    index = string_index(dist, greedy)
    leaves = dist.decoder.leaf_log_probs(dist.context, dist.temperature).exp()
    assert_near(leaves[torch.arange(ROWS), index], torch.ones(ROWS).double(), 1e-6)
    assert_near(dist.atoms().mean, dist.numbers(greedy), 1e-5)
    assert (dist.atoms().entropy < 1e-4).all()
    tokens, _ = dist.rollout(5)
    assert torch.equal(tokens, greedy.expand_as(tokens))


@every_decoder
def test_hot_laws_are_uniform(name):
    dist = make_dist(name, P10Tokenizer(1, 2), temperature=1e6)
    _, masses = enumerate_strings(dist)
    assert_near(masses, torch.full_like(masses, 1 / masses.shape[1]), 1e-4)
    log_strings = torch.full((ROWS,), math.log(masses.shape[1])).double()
    assert_near(dist.atoms().entropy, log_strings, 1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [1e-6, 1e6])
@every_decoder
def test_extreme_temperatures_stay_finite_and_within_the_mask(name, temperature, dtype):
    dist = make_dist(name, P10Tokenizer(1, 2), temperature, dtype)
    tokens, drawn = dist.rollout(20)
    log_probs = dist.log_probs(tokens)
    assert (log_probs.exp()[..., ~dist.tokenizer.allowed_tokens] == 0).all()
    for answer in (drawn, log_probs.exp() * log_probs, *dist.atoms()):
        assert answer.isfinite().all()
    assert dist.numbers(tokens).isfinite().all()


@every_decoder
def test_temperature_one_changes_nothing(name):
    dist = make_dist(name, IEEETokenizer(2, 1, 3))
    again = dist.at_temperature(2.0).at_temperature(1.0)
    assert again.temperature == 1.0
    assert torch.equal(again.atoms().probs, dist.atoms().probs)
    tokens, _ = dist.rollout(3)
    assert torch.equal(again.log_probs(tokens), dist.log_probs(tokens))
    logits = dist.decoder(dist.context, tokens)
    assert_near(dist.log_probs(tokens), logits.log_softmax(-1), 1e-12)
    tempered = dist.at_temperature(2.0).log_probs(tokens)
    assert_near(tempered, (logits / 2).log_softmax(-1), 1e-12)
    assert not torch.allclose(tempered, dist.log_probs(tokens), atol=1e-2)


# Levels


@every_temperature
@every_tokenizer
@every_decoder
def test_levels_invert_the_cumulative_distribution(name, tokenizer, temperature):
    dist = make_dist(name, tokenizer, temperature)
    _, masses = enumerate_strings(dist)
    levels = torch.rand(300, dtype=torch.float64).sort().values
    tokens, log_probs = dist.at_levels(levels)
    assert tokens.shape == (300, ROWS, dist.tokenizer.length)
    index = string_index(dist, tokens)  # (n, batch)
    assert (index.diff(dim=0) >= 0).all()
    upper = masses.cumsum(-1) / masses.sum(-1, keepdim=True)
    levels = levels.repeat(ROWS, 1)
    expected = torch.searchsorted(upper, levels, right=True)
    assert torch.equal(index, expected.T)
    assert_near(log_probs.exp(), masses.gather(-1, index.T).T, 1e-9)


@every_tokenizer
@every_decoder
def test_levels_reproduce_the_masses(name, tokenizer):
    n = 500
    dist = make_dist(name, tokenizer)
    _, masses = enumerate_strings(dist)
    index = string_index(dist, dist.at_levels(levels_of(n))[0])
    for row in range(ROWS):
        shares = index[:, row].bincount(minlength=masses.shape[1]) / n
        assert (shares - masses[row]).abs().max() < 1 / n + 1e-9


@every_temperature
@every_large
@every_decoder
def test_levels_of_large_formats_lie_within_their_strings(name, tokenizer, temperature):
    dist = make_dist(name, tokenizer, temperature)
    assert dist.leaves is None
    levels = torch.cat([levels_of(64), torch.rand(64).double()]).sort().values
    tokens, log_probs = dist.at_levels(levels)
    below, mass = cdf_below(dist, tokens)
    assert (below <= levels[:, None] + 1e-12).all()
    assert (levels[:, None] <= below + mass + 1e-12).all()
    assert (below.diff(dim=0) >= -1e-12).all()
    expected = dist.token_log_probs(tokens).sum(-1)
    torch.testing.assert_close(log_probs, expected, rtol=1e-7, atol=1e-9)


@every_decoder
def test_extreme_levels_give_strings_with_mass(name):
    dist = make_dist(name, P10Tokenizer(4, 10), temperature=0.2)
    levels = torch.tensor([0.0, 1e-300, 2**-53, 0.5, 1 - 2**-53], dtype=torch.float64)
    tokens, log_probs = dist.at_levels(levels)
    assert dist.tokenizer.decode(tokens).isfinite().all()
    assert log_probs.isfinite().all()
    assert (log_probs <= 0).all()
    index = string_index(dist, tokens)
    assert (index.diff(dim=0) >= 0).all()


@pytest.mark.parametrize("tokenizer", [*ENUMERABLE, *LARGE], ids=repr)
@every_decoder
def test_atoms_at_levels_make_a_law(name, tokenizer):
    dist = make_dist(name, tokenizer)
    atoms = dist._atoms_at_levels()
    n = token_module.N_LEVELS
    assert atoms.values.shape == atoms.probs.shape == (ROWS, n)
    assert atoms.values.dtype == atoms.probs.dtype == torch.float64
    assert (atoms.values.diff(dim=-1) >= 0).all()
    assert_near(atoms.probs.sum(-1), torch.ones(ROWS).double(), 1e-12)
    low, high = dist.tokenizer.clip_range
    assert (atoms.values >= low).all()
    assert (atoms.values <= high).all()
    raw = dist.tokenizer.decode(dist.at_levels(levels_of(n))[0])
    outside = ((raw < low) | (raw > high)).double()
    assert_near(atoms.clipped, outside.mean(0), 1e-12)
    assert torch.equal(dist._atoms_at_levels().values, atoms.values)
    if dist.leaves is None:
        assert torch.equal(dist.atoms().values, atoms.values)


@every_tokenizer
@every_decoder
def test_atoms_at_levels_are_close_to_the_exact_law(name, tokenizer):
    """Each run of neighbouring strings has its share of the levels up to 1 / n."""
    dist = make_dist(name, tokenizer)
    exact, approximate = dist._exact_atoms(), dist._atoms_at_levels()
    strings, _ = enumerate_strings(dist)
    raw, numbers = dist.tokenizer.decode(strings), dist.numbers(strings)
    n = token_module.N_LEVELS
    for value, cdf in zip(exact.values, exact.probs.cumsum(-1).T, strict=True):
        runs = n_runs(numbers <= value)
        below = (approximate.values <= value).double().mean(-1)
        assert (below - cdf).abs().max() < runs / n + 1e-9
    low, high = dist.tokenizer.clip_range
    runs = n_runs((raw < low) | (raw > high))
    assert (approximate.clipped - exact.clipped).abs().max() < runs / n + 1e-9


@every_sorted
@every_decoder
def test_atoms_at_levels_are_quantiles_of_sorted_formats(name, tokenizer):
    dist = make_dist(name, tokenizer)
    exact, approximate = dist._exact_atoms(), dist._atoms_at_levels()
    levels = levels_of(token_module.N_LEVELS).repeat(ROWS, 1)
    upper = exact.probs.cumsum(-1)
    index = torch.searchsorted(upper / upper[:, -1:], levels, right=True)
    assert torch.equal(approximate.values, exact.values[index])


@every_tokenizer
@every_decoder
def test_entropy_at_levels_is_close_to_the_exact_one(name, tokenizer):
    """Each string has its share of the levels up to 1 / n."""
    dist = make_dist(name, tokenizer)
    _, masses = enumerate_strings(dist)
    bound = -masses.log().sum(-1) / token_module.N_LEVELS
    error = dist._atoms_at_levels().entropy - dist._exact_atoms().entropy
    assert (error.abs() < bound).all()
    assert (error.abs() < 0.15).all()


@every_decoder
def test_entropy_at_many_levels_is_exact(name, monkeypatch):
    monkeypatch.setattr(token_module, "N_LEVELS", 4000)
    dist = make_dist(name, NormalizedTokenizer(2, 2))
    entropy = dist._atoms_at_levels().entropy
    assert_near(entropy, dist._exact_atoms().entropy, 1e-3)


def n_runs(chosen):
    """Return how many runs of neighbouring True values there are."""
    return int(chosen[0]) + int((chosen.int().diff() == 1).sum())
