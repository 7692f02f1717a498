"""What networks return, against the enumeration of every string, and beyond it."""

import math

import pytest
import torch
from digit_distributions import (
    ENUMERABLE,
    FORMATS,
    LARGE,
    OWN,
    assert_near,
    decoders_with,
    dist_of,
    make_context,
    make_decoder,
    random_dist,
    string_index,
)

from sklearn_genre.outputs import _tokens as token_module
from sklearn_genre.outputs import leaves_of
from sklearn_genre.tokenizers import NormalizedTokenizer

every_decoder = pytest.mark.parametrize("name", OWN)
every_pair = decoders_with(*ENUMERABLE.values())
every_large_pair = decoders_with(*LARGE)
every_tokenizer = pytest.mark.parametrize(
    "tokenizer", ENUMERABLE.values(), ids=ENUMERABLE
)
every_temperature = pytest.mark.parametrize("temperature", [1.0, 2.5])
SORTED = [t for t in ENUMERABLE.values() if isinstance(t, NormalizedTokenizer)]
N = token_module.N_LEVELS


def enumerate_strings(dist):
    """Return every string, (n, length), and its teacher-forced mass, (batch, n)."""
    strings = dist.tokenizer.grid()
    tokens = strings[:, None].expand(-1, dist.batch_size, -1)
    return strings, dist.token_log_probs(tokens).sum(-1).T.double().exp()


def cdf_below(dist, tokens):
    """Return the mass of all strings before each one, and its own, as (n, batch)."""
    probs = dist.log_probs(tokens).exp()  # (n, batch, length, vocab_size)
    own = probs.gather(-1, tokens[..., None])[..., 0]
    smaller = (probs.cumsum(-1) - probs).gather(-1, tokens[..., None])[..., 0]
    before = torch.cat([torch.ones_like(own[..., :1]), own[..., :-1]], -1).cumprod(-1)
    return (before * smaller).sum(-1), own.prod(-1)


def levels_of(n):
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


def chi_square_deviation(counts, expected):
    """Return how many deviations a chi-square statistic lies above its mean."""
    rare = expected < 5  # pooled
    counts = torch.cat([counts[~rare], counts[rare].sum()[None]])
    expected = torch.cat([expected[~rare], expected[rare].sum()[None]])
    kept = expected > 0
    statistic = ((counts - expected)[kept] ** 2 / expected[kept]).sum()
    degrees = max(int(kept.sum()) - 1, 1)
    # Chi-square is about normal in its cube root (Wilson and Hilferty).
    spread = 2 / (9 * degrees)
    return ((statistic / degrees) ** (1 / 3) - 1 + spread) / math.sqrt(spread)


# The exact distribution


@every_temperature
@every_pair
def test_support_has_the_masses_and_moments_of_the_strings(
    name, tokenizer, temperature
):
    dist = random_dist(name, tokenizer, temperature)
    strings, masses = enumerate_strings(dist)
    numbers, support = dist.numbers(strings), dist.support()
    assert_near(support.probs.sum(-1), torch.ones(3).double(), 1e-12)
    assert (support.values.diff() > 0).all()
    assert set(support.values.tolist()) == set(numbers.tolist())
    for value, probs in zip(support.values, support.probs.T, strict=True):
        assert_near(probs, masses[:, numbers == value].sum(-1))
    mean = masses @ numbers
    assert_near(support.mean, mean)
    assert_near(support.variance, masses @ numbers**2 - mean**2)
    assert_near(support.entropy, -torch.xlogy(masses, masses).sum(-1))
    assert_near(support.digit_entropy * tokenizer.length, support.entropy)
    assert_near(dist.expectation(), mean)
    assert_near(dist.cumulative(), support.probs.cumsum(-1)[:, :-1])


@pytest.mark.parametrize("tokenizer", SORTED, ids=repr)
@every_decoder
def test_mean_is_affine_in_the_mean_digits(name, tokenizer):
    dist = random_dist(name, tokenizer)
    strings, masses = enumerate_strings(dist)
    digits = masses @ strings.double()  # (batch, length)
    base, length = tokenizer.base, tokenizer.length
    weights = base ** -torch.arange(1.0, length + 1, dtype=torch.float64)
    place = digits @ weights + (tokenizer.rounding == "midpoint") * base**-length / 2
    if tokenizer.rounding == "endpoint":
        place = place / (1 - base**-length)
    assert_near(dist.support().mean, -1.3 + 3.4 * place)


@every_tokenizer
def test_clipped_mass_is_counted_and_moved_to_the_ends(tokenizer):
    dist = random_dist("mlp", tokenizer)
    strings, masses = enumerate_strings(dist)
    raw = dist.tokenizer.decode(strings)
    low, high = dist.tokenizer.clip_range
    support = dist.support()
    assert_near(support.clipped, masses[:, (raw < low) | (raw > high)].sum(-1), 1e-12)
    ends = torch.stack([raw.min(), raw.max()]).clamp(low, high)
    assert support.values[[0, -1]].tolist() == ends.tolist()


@pytest.mark.parametrize("name", ["ieee", "p10"])
def test_formats_that_need_clipping_and_merging_are_among_those_tested(name):
    leaves = random_dist("mlp", FORMATS[name]).leaves
    assert leaves.column is not None
    assert leaves.outside is not None


@every_pair
def test_single_precision_loses_no_mass_and_no_gradient(name, tokenizer):
    dist = random_dist(name, tokenizer, dtype=torch.float32)
    expected = random_dist(name, tokenizer).support().probs
    decoder = dist.decoder.requires_grad_()
    output = make_context(dtype=torch.float32)
    support = dist_of(decoder, output, dist.tokenizer).support()
    assert_near(support.probs.sum(-1), torch.ones(3).double(), 1e-12)
    assert_near(support.probs, expected, 1e-4)
    for answer in (support.mean, support.variance, support.entropy):
        gradients = torch.autograd.grad(
            answer.sum(),
            [*decoder.parameters()],
            retain_graph=True,
            materialize_grads=True,
        )
        assert all(gradient.isfinite().all() for gradient in gradients)
        assert any(gradient.any() for gradient in gradients)


def test_equal_targets_make_a_distribution_of_one_number():
    support = random_dist("mlp", NormalizedTokenizer(2, 3), y=(4.5, 4.5)).support()
    assert support.values.tolist() == [4.5]
    assert_near(support.probs, torch.ones(3, 1).double(), 1e-12)
    assert_near(support.variance, torch.zeros(3).double(), 1e-12)


@every_tokenizer
def test_formats_up_to_the_limit_are_exact(tokenizer):
    tokenizer.fit([-1.0, 1.0])
    n, cpu = tokenizer.n_strings, torch.device("cpu")
    assert leaves_of(tokenizer, cpu, n) is not None
    assert leaves_of(tokenizer, cpu, n - 1) is None


def test_the_expectation_of_a_large_format_needs_a_rule():
    with pytest.raises(ValueError, match="numbers, more than the 4096"):
        random_dist("mlp", LARGE[0]).expectation()


# Scoring


@every_temperature
@every_pair
def test_log_prob_of_a_target_is_the_mass_of_its_string(name, tokenizer, temperature):
    dist = random_dist(name, tokenizer, temperature)
    _, masses = enumerate_strings(dist)
    y = torch.tensor([-1.3, 0.4, 99.0], dtype=torch.float64)
    index = string_index(tokenizer, dist.tokenizer.encode(y))
    assert_near(dist.log_prob(y), masses[torch.arange(3), index].log())


@every_tokenizer
def test_strings_are_listed_in_tree_order(tokenizer):
    index = string_index(tokenizer, tokenizer.grid())
    assert index.tolist() == [*range(tokenizer.n_strings)]


# Sampling


@every_temperature
@every_pair
def test_samples_have_the_frequencies_of_the_distribution(name, tokenizer, temperature):
    n = 2000
    dist = random_dist(name, tokenizer, temperature, batch=2)
    assert dist.decoder.visits_most(
        n
    )  # where a decoder answers, the whole tree is read
    _, masses = enumerate_strings(dist)
    torch.manual_seed(3)
    tokens, _ = dist.rollout(n)
    assert tokens.shape == (n, 2, tokenizer.length)
    for row, index in enumerate(string_index(tokenizer, tokens).T):
        counts = index.bincount(minlength=masses.shape[1])
        assert chi_square_deviation(counts, n * masses[row]) < 5


@pytest.mark.parametrize("way", ["the whole tree", "step by step"])
@every_temperature
@every_pair
def test_rollout_knows_its_log_probs(name, tokenizer, temperature, way, monkeypatch):
    dist = random_dist(name, tokenizer, temperature)
    if way == "step by step":
        monkeypatch.setattr(dist.decoder, "visits_most", lambda n: False)
    tokens, log_probs = dist.rollout(50)
    assert log_probs.shape == tokens.shape
    assert_near(log_probs, dist.token_log_probs(tokens))
    allowed = tokenizer.allowed_tokens
    assert allowed[torch.arange(len(allowed)), tokens].all()


@every_pair
def test_both_ways_of_a_rollout_draw_the_same(name, tokenizer, monkeypatch):
    dist = random_dist(name, tokenizer)
    drawn = []
    for visits_most in (True, False):
        monkeypatch.setattr(dist.decoder, "visits_most", lambda n, all=visits_most: all)
        torch.manual_seed(5)
        drawn.append(dist.rollout(40)[0])
    assert torch.equal(*drawn)


@every_decoder
def test_rollouts_come_from_the_seed(name):
    dist = random_dist(name, NormalizedTokenizer(10, 3))
    drawn = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        drawn.append(dist.rollout(20)[0])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


@decoders_with(*ENUMERABLE.values(), *LARGE)
def test_greedy_takes_the_likeliest_token_each_time(name, tokenizer):
    dist = random_dist(name, tokenizer, 2.0)
    greedy = dist.greedy()
    assert greedy.shape == (3, tokenizer.length)
    assert torch.equal(dist.log_probs(greedy[None])[0].argmax(-1), greedy)
    assert torch.equal(dist.at_temperature(0.1).greedy(), greedy)


# Temperature


@every_pair
def test_cold_distributions_are_greedy(name, tokenizer):
    dist = random_dist(name, tokenizer).at_temperature(1e-9)
    greedy = dist.greedy()
    leaves = dist.decoder.leaf_log_probs(dist.context, dist.temperature).exp()
    index = string_index(tokenizer, greedy)
    assert_near(leaves[torch.arange(3), index], torch.ones(3).double(), 1e-6)
    assert_near(dist.support().mean, dist.numbers(greedy), 1e-5)
    assert (dist.support().entropy < 1e-4).all()
    tokens, _ = dist.rollout(5)
    assert torch.equal(tokens, greedy.expand_as(tokens))


@every_pair
def test_hot_distributions_are_uniform(name, tokenizer):
    dist = random_dist(name, tokenizer, temperature=1e6)
    _, masses = enumerate_strings(dist)
    choices = tokenizer.allowed_tokens.sum(-1).double()
    assert_near(masses, torch.full_like(masses, 1 / choices.prod()), 1e-4)
    assert_near(dist.support().entropy, choices.log().sum().expand(3), 1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("temperature", [1e-6, 1e6])
@every_pair
def test_extreme_temperatures_stay_finite(name, tokenizer, temperature, dtype):
    dist = random_dist(name, tokenizer, temperature, dtype)
    tokens, drawn = dist.rollout(20)
    for answer in (drawn, dist.token_log_probs(tokens), *dist.support()[:5]):
        assert answer.isfinite().all()
    assert dist.numbers(tokens).isfinite().all()


@every_decoder
def test_temperature_divides_the_logits(name):
    dist = random_dist(name, NormalizedTokenizer(3, 3))
    tokens, _ = dist.rollout(3)
    logits = dist.decoder(dist.context, tokens)
    for temperature in (1.0, 2.0):
        expected = (logits / temperature).log_softmax(-1)
        tempered = dist.at_temperature(4.0).at_temperature(temperature)
        assert_near(tempered.log_probs(tokens), expected, 1e-12)


# Levels


@every_temperature
@every_pair
def test_levels_invert_the_cumulative_distribution(name, tokenizer, temperature):
    dist = random_dist(name, tokenizer, temperature)
    _, masses = enumerate_strings(dist)
    levels = torch.rand(3, 300, dtype=torch.float64).sort().values
    for given in (levels[0], levels):  # the same for all samples, or of each
        tokens, log_probs = dist.at_levels(given)
        assert tokens.shape == (300, 3, tokenizer.length)
        index = string_index(tokenizer, tokens)  # (n, batch)
        upper = masses.cumsum(-1) / masses.sum(-1, keepdim=True)
        given = given.expand(3, -1).contiguous()
        expected = torch.searchsorted(upper, given, right=True)
        assert torch.equal(index, expected.T)
        assert_near(log_probs.exp(), masses.gather(-1, index.T).T, 1e-9)


@every_temperature
@every_large_pair
def test_levels_of_large_formats_lie_within_their_strings(name, tokenizer, temperature):
    dist = random_dist(name, tokenizer, temperature)
    assert dist.leaves is None
    levels = torch.cat([levels_of(64), torch.rand(64).double()]).sort().values
    tokens, log_probs = dist.at_levels(levels)
    below, mass = cdf_below(dist, tokens)
    assert (below <= levels[:, None] + 1e-12).all()
    assert (levels[:, None] <= below + mass + 1e-12).all()
    assert (below.diff(dim=0) >= -1e-12).all()
    expected = dist.token_log_probs(tokens).sum(-1)
    torch.testing.assert_close(log_probs, expected, rtol=1e-7, atol=1e-9)


@every_large_pair
def test_extreme_levels_give_strings_with_mass(name, tokenizer):
    dist = random_dist(name, tokenizer, temperature=0.2)
    levels = torch.tensor([0.0, 1e-300, 2**-53, 0.5, 1 - 2**-53], dtype=torch.float64)
    tokens, log_probs = dist.at_levels(levels)
    assert dist.tokenizer.decode(tokens).isfinite().all()
    assert log_probs.isfinite().all()
    assert (log_probs <= 0).all()
    assert (string_index(tokenizer, tokens).diff(dim=0) >= 0).all()


@decoders_with(*ENUMERABLE.values(), *LARGE)
def test_support_at_levels_is_near_the_distribution(name, tokenizer):
    """Each run of neighbouring strings has its share of the levels up to 1 / n."""
    dist = random_dist(name, tokenizer)
    support = dist._support_at_levels()
    assert (support.values.diff(dim=-1) >= 0).all()
    assert_near(support.probs, torch.full((3, N), 1 / N).double(), 1e-12)
    low, high = dist.tokenizer.clip_range
    assert (support.values.clamp(low, high) == support.values).all()
    if dist.leaves is None:
        assert torch.equal(dist.support().values, support.values)
        return
    exact = dist.support()
    strings, masses = enumerate_strings(dist)
    raw, numbers = dist.tokenizer.decode(strings), dist.numbers(strings)
    for value, cdf in zip(exact.values, exact.probs.cumsum(-1).T, strict=True):
        below = (support.values <= value).double().mean(-1)
        assert (below - cdf).abs().max() < n_runs(numbers <= value) / N + 1e-9
    runs = n_runs((raw < low) | (raw > high))
    assert (support.clipped - exact.clipped).abs().max() < runs / N + 1e-9
    bound = -masses.log().sum(-1) / N
    assert ((support.entropy - exact.entropy).abs() < bound).all()


def test_entropy_at_many_levels_is_exact():
    dist = random_dist("mlp", NormalizedTokenizer(2, 2))
    entropy = dist._support_at_levels(4000).entropy
    assert_near(entropy, dist.support().entropy, 1e-3)


def n_runs(chosen):
    """Return how many runs of neighbouring True values there are."""
    return int(chosen[0]) + int((chosen.int().diff() == 1).sum())


def test_a_decoder_may_say_what_is_small_enough_to_list():
    tokenizer = NormalizedTokenizer(2, 4).fit([-1.3, 2.1])
    decoder = make_decoder("mlp", tokenizer)
    decoder.max_strings = 15
    assert dist_of(decoder, make_context(), tokenizer).leaves is None
