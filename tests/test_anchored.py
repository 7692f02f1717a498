"""The anchored decoder: digits are masses of intervals under a logistic mixture."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from scipy.stats import logistic
from sklearn.base import clone

from sklearn_genre import DecodingRegressor
from sklearn_genre.distributions import TokenDistribution, leaves_of
from sklearn_genre.encoders import MLPEncoder, TabularEncoder
from sklearn_genre.networks import DECODERS, AnchoredDecoder, decoding_network
from sklearn_genre.networks._anchored_decoder import SHIFT, SMALLEST_SCALE
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

WIDTH = 4
FORMATS = [
    NormalizedTokenizer(2, 8),
    NormalizedTokenizer(7, 3, rounding="midpoint"),
    NormalizedTokenizer(36, 1),
]
every_format = pytest.mark.parametrize("tokenizer", FORMATS, ids=repr)


def make_decoder(tokenizer, n_components=3, dtype=torch.float64, low=-2.0, high=3.0):
    """Return a decoder with random weights on a fitted format."""
    torch.manual_seed(0)
    tokenizer = clone(tokenizer).fit([low, high])
    decoder = AnchoredDecoder(
        WIDTH, tokenizer.allowed_tokens, n_components=n_components
    )
    decoder.anchor(tokenizer)
    return decoder.to(dtype).eval(), tokenizer


def make_context(batch=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, WIDTH, generator=generator, dtype=dtype)


def at_location(decoder, location, scale):
    """Move all laws to a location and give them a scale, for the context of zeros."""
    with torch.no_grad():
        decoder.bias.zero_()
        decoder.bias[..., :2] = torch.tensor([location / SHIFT, scale])
    return torch.zeros(1, WIDTH, dtype=decoder.bias.dtype)


def dist_of(decoder, context, tokenizer):
    return TokenDistribution(
        decoder, context, tokenizer, leaves_of(tokenizer, context.device)
    )


def mixture_cdf(decoder, context, edges):
    """Return the distribution function at edges, by scipy alone."""
    parameters = context.numpy() @ decoder.weight.detach().numpy()[0]
    parameters = (parameters + decoder.bias.detach().numpy()[0])[:, None]
    shift, widen = parameters[..., :1], parameters[..., 1:2]
    location, scale, weight = np.split(parameters[..., 2:], 3, -1)
    location = SHIFT * shift + location
    scale = np.logaddexp(0, widen + scale) / decoder.n_components
    scale += SMALLEST_SCALE * decoder.step_size
    law = logistic(loc=location, scale=scale)
    return (np.exp(log_softmax(weight, -1)) * law.cdf(edges[:, None])).sum(-1)


@every_format
def test_leaves_are_differences_of_the_distribution_function(tokenizer):
    decoder, tokenizer = make_decoder(tokenizer)
    context = make_context()
    numbers = tokenizer.decode(tokenizer.grid()).numpy()
    edges = (numbers[1:] + numbers[:-1]) / 2
    np.testing.assert_allclose(decoder.edges, edges, rtol=0, atol=1e-12)
    cdf = mixture_cdf(decoder, context, edges)
    masses = np.diff(cdf, prepend=0, append=1)
    probs = decoder.leaf_log_probs(context).exp().detach()
    np.testing.assert_allclose(probs, masses, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(probs.sum(-1), 1, rtol=1e-12)


@pytest.mark.parametrize("n_components", [1, 2, 5])
def test_the_first_digit_splits_the_number_line(n_components):
    decoder, _ = make_decoder(NormalizedTokenizer(2, 8), n_components)
    context = make_context()
    logits, _ = decoder.start(context)
    middle = decoder.edges[127:128].numpy()
    np.testing.assert_allclose(
        logits[:, 0].softmax(-1)[:, 0].detach(),
        mixture_cdf(decoder, context, middle)[:, 0],
        rtol=1e-10,
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("location", [-1e4, 1e4])
def test_far_tails_are_finite_and_have_gradients(location, dtype):
    decoder, tokenizer = make_decoder(NormalizedTokenizer(2, 8), dtype=dtype)
    context = at_location(decoder, location, scale=-1.0).requires_grad_()
    leaves = decoder.leaf_log_probs(context)
    tokens = tokenizer.grid()[:, None]
    forced = decoder(context, tokens).log_softmax(-1)
    string = forced.gather(-1, tokens[..., None]).sum((-1, -2))[:, 0]
    assert leaves.isfinite().all() and leaves.min() < -1e4
    assert float(leaves.detach().exp().sum()) == pytest.approx(1)
    nearest = 0 if location < 0 else -1
    assert leaves[0, nearest] == leaves.max()
    torch.testing.assert_close(string, leaves[0], rtol=1e-4, atol=1e-3)
    farthest = leaves[0, -1 - nearest]
    inputs = [context, decoder.bias]
    for answer in (farthest, forced.sum()):
        for gradient in torch.autograd.grad(answer, inputs, retain_graph=True):
            assert gradient.isfinite().all()
    (pull,) = torch.autograd.grad(farthest, decoder.bias)
    assert pull[0, 0, 0] * location < 0


def test_digits_within_an_interval_far_from_the_law_keep_their_ratio():
    decoder, tokenizer = make_decoder(NormalizedTokenizer(2, 8), 1, torch.float32)
    context = at_location(decoder, 200.0, scale=0.0)
    scale = float(decoder._mixture(context).scale.detach())
    tokens = tokenizer.encode([0.5])[None]
    steps = decoder(context, tokens).log_softmax(-1)[0, 0].detach()  # (8, 2)
    widths = 5 / 255 * 2.0 ** torch.arange(7, -1, -1)
    odds = steps[:, 1] - steps[:, 0]
    inner = slice(2, None)  # children with two ends: an exponential law
    torch.testing.assert_close(
        odds[inner], (widths / scale)[inner], rtol=1e-3, atol=1e-3
    )


def test_formats_too_large_to_list_know_their_intervals():
    tokenizer = NormalizedTokenizer(10, 9)
    decoder, tokenizer = make_decoder(tokenizer, 1)
    context = at_location(decoder, 0.7, scale=-1.0)
    scale = float(decoder._mixture(context).scale.detach())
    y = torch.linspace(-1.9, 2.9, 50, dtype=torch.float64)
    tokens = tokenizer.encode(y)[:, None]
    steps = decoder(context, tokens).log_softmax(-1)
    log_mass = steps.gather(-1, tokens[..., None]).sum((-1, -2))[:, 0]
    cell = 5 / (10**9 - 1)
    density = logistic(loc=0.7, scale=scale).logpdf(y) + np.log(cell)
    np.testing.assert_allclose(log_mass.detach(), density, rtol=0, atol=1e-6)
    levels = torch.tensor([0.05, 0.5, 0.9], dtype=torch.float64)
    drawn, _ = TokenDistribution(decoder, context, tokenizer, None).at_levels(levels)
    np.testing.assert_allclose(
        tokenizer.decode(drawn)[:, 0],
        logistic(loc=0.7, scale=scale).ppf(levels),
        atol=1e-6,
    )


@pytest.mark.parametrize("scale", [-20.0, 0.0, 20.0])
def test_float32_digits_of_long_strings_are_probabilities(scale):
    decoder, tokenizer = make_decoder(NormalizedTokenizer(2, 52), dtype=torch.float32)
    context = at_location(decoder, 0.3, scale)
    tokens = tokenizer.encode([-2.0, 0.3, 2.0])[:, None]
    steps = decoder(context, tokens).log_softmax(-1)
    assert steps.isfinite().all()
    (gradient,) = torch.autograd.grad(steps.sum(), decoder.bias)
    assert gradient.isfinite().all()


def test_sampled_digits_follow_the_law():
    decoder, tokenizer = make_decoder(NormalizedTokenizer(4, 2))
    context = make_context(2)
    dist = dist_of(decoder, context, tokenizer)
    torch.manual_seed(0)
    tokens, log_probs = dist.rollout(20_000)
    index = (tokens * torch.tensor([4, 1])).sum(-1)  # (n, batch)
    probs = decoder.leaf_log_probs(context).exp().detach()
    for row in range(2):
        shares = torch.bincount(index[:, row], minlength=16) / 20_000
        torch.testing.assert_close(shares.double(), probs[row], rtol=0, atol=0.015)
    string = log_probs.sum(-1).T.detach()  # (batch, n)
    torch.testing.assert_close(
        string, probs.log().gather(1, index.T), rtol=1e-9, atol=1e-9
    )


def test_a_constant_target_has_a_law():
    decoder, tokenizer = make_decoder(NormalizedTokenizer(), low=1.0, high=1.0)
    dist = dist_of(decoder, make_context(), tokenizer)
    np.testing.assert_allclose(dist.atoms().mean.detach(), 1.0)


@pytest.mark.parametrize("tokenizer", [IEEETokenizer(), P10Tokenizer()])
def test_strings_must_sort_like_numbers(tokenizer):
    tokenizer = clone(tokenizer).fit([0.0, 1.0])
    with pytest.raises(ValueError, match="Use tokenizer='normalized'"):
        decoding_network(MLPEncoder, AnchoredDecoder, tokenizer, n_numeric=3)


@pytest.mark.parametrize("member", TOKENIZERS.values())
def test_evenly_spaced_means_what_it_says(member):
    tokenizer = member().fit(np.linspace(-2, 3, 20))
    steps = tokenizer.decode(tokenizer.grid(10**6)).diff()
    even = bool(steps.min() > 0 and steps.allclose(steps[0]))
    assert even == tokenizer.evenly_spaced


def test_a_prediction_is_the_mixture_of_the_members():
    torch.manual_seed(0)
    tokenizer = NormalizedTokenizer(3, 3).fit([-2.0, 3.0])
    decoder = AnchoredDecoder(12, tokenizer.allowed_tokens, n_components=2, n_members=3)
    decoder.anchor(tokenizer)
    context = torch.randn(5, 12)
    members = decoder.leaf_log_probs(decoder.separated(context)).exp()
    mixture = decoder.leaf_log_probs(context).exp()
    torch.testing.assert_close(mixture, members.view(3, 5, -1).mean(0))
    tokens = torch.randint(3, (4, 5, 3))
    index = (tokens * torch.tensor([9, 3, 1])).sum(-1)  # (4, 5)
    forced = decoder(context, tokens).log_softmax(-1)
    string = forced.gather(-1, tokens[..., None])[..., 0].sum(-1)
    torch.testing.assert_close(string.exp(), mixture.gather(1, index.T).T)


def test_members_are_trained_one_by_one_and_predict_together():
    encoder = partial(TabularEncoder, hidden_layer_sizes=(8,), n_members=3)
    X = np.random.default_rng(0).normal(size=(60, 2))
    model = DecodingRegressor(
        encoder=encoder,
        decoder="anchored",
        pretraining="crps",
        pretraining_epochs=2,
        fine_tuning_epochs=2,
        random_state=0,
    ).fit(X, X[:, 0])
    network, rows = model.network_, model._encode(X[:7])
    assert network.n_copies == 1
    assert network(rows).atoms().probs.shape == (7, 256)
    network.train()
    assert network.n_copies == 3
    assert network(rows).atoms().probs.shape == (21, 256)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, "n_components must be at least 1, got 0"),
        ({"n_members": 3}, "divide the width .* got n_members=3 and width=4"),
    ],
)
def test_options_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        AnchoredDecoder(WIDTH, torch.ones(3, 2, dtype=torch.bool), **options)


def test_learns_a_smooth_function_from_few_rows():
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, (400, 2))
    y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2 + 0.05 * random.normal(size=400)
    model = DecodingRegressor(
        encoder="tabular",
        decoder="anchored",
        pretraining="crps",
        fine_tuning=None,
        pretraining_epochs=15,
        random_state=0,
    ).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.95


@pytest.mark.parametrize("name", DECODERS)
def test_the_distribution_function_is_that_of_the_leaves(name):
    torch.manual_seed(0)
    tokenizer = NormalizedTokenizer(3, 3).fit([-2.0, 3.0])
    decoder = DECODERS[name](WIDTH, tokenizer.allowed_tokens).double()
    decoder.anchor(tokenizer)
    dist = dist_of(decoder.eval(), make_context(), tokenizer)
    cumulative = dist.atoms().probs.cumsum(-1)[:, :-1]
    torch.testing.assert_close(dist.cumulative(), cumulative)
    cold = dist.at_temperature(0.5)
    torch.testing.assert_close(cold.cumulative(), cold.atoms().probs.cumsum(-1)[:, :-1])


@every_format
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_probabilities_without_logarithms_are_the_same(tokenizer, dtype):
    decoder, _ = make_decoder(tokenizer, dtype=dtype)
    context = (5 * make_context(dtype=dtype)).requires_grad_()  # narrow and far away
    probs, expected = decoder.leaf_probs(context), decoder.leaf_log_probs(context).exp()
    torch.testing.assert_close(probs, expected, rtol=1e-4, atol=1e-30)
    weight = torch.arange(probs.shape[1], dtype=dtype)
    (slope,) = torch.autograd.grad((probs @ weight).sum(), context)
    (expected,) = torch.autograd.grad((expected @ weight).sum(), context)
    torch.testing.assert_close(slope, expected, rtol=1e-3, atol=1e-3)


@every_format
def test_the_probability_of_a_string_is_the_product_of_its_digits(tokenizer):
    decoder, tokenizer = make_decoder(tokenizer)
    context = make_context(40)
    dist = dist_of(decoder, context, tokenizer)
    y = torch.linspace(-3, 4, 40, dtype=torch.float64)
    digits = dist.token_log_probs(tokenizer.encode(y)[None])[0]
    torch.testing.assert_close(dist.log_prob(y), digits.sum(-1))
