"""The anchored decoder: digits are masses of intervals under a logistic mixture."""

import numpy as np
import pytest
import torch
from digit_distributions import WIDTH, assert_near, dist_of, fitted, make_context
from scipy.special import log_softmax
from scipy.stats import logistic

from sklearn_genre import DecodingRegressor
from sklearn_genre.decoders import AnchoredDecoder
from sklearn_genre.decoders._anchored import SHIFT, SMALLEST_SCALE
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.inputs import ColumnSpec
from sklearn_genre.networks import build_decoder, build_encoder
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
)

FORMATS = [
    NormalizedTokenizer(2, 8),
    NormalizedTokenizer(7, 3, rounding="midpoint"),
    NormalizedTokenizer(36, 1),
]
every_format = pytest.mark.parametrize("tokenizer", FORMATS, ids=repr)


def make_decoder(tokenizer, n_components=3, dtype=torch.float64, low=-2.0, high=3.0):
    """Return a decoder with random weights on a fitted format."""
    torch.manual_seed(0)
    tokenizer = fitted(tokenizer, (low, high))
    decoder = AnchoredDecoder(WIDTH, tokenizer, n_components=n_components)
    return decoder.to(dtype).eval(), tokenizer


def at_location(decoder, location, scale):
    """Move all components to a location and scale, for the encoder output of zeros."""
    with torch.no_grad():
        decoder.bias.zero_()
        decoder.bias[..., :2] = torch.tensor([location / SHIFT, scale])
    return torch.zeros(1, WIDTH, dtype=decoder.bias.dtype)


def mixture_cdf(decoder, output, edges):
    """Return the distribution function at edges, by scipy alone."""
    parameters = output.numpy() @ decoder.weight.detach().numpy()[0]
    parameters = (parameters + decoder.bias.detach().numpy()[0])[:, None]
    shift, widen = parameters[..., :1], parameters[..., 1:2]
    location, scale, weight = np.split(parameters[..., 2:], 3, -1)
    location = SHIFT * shift + location
    scale = np.logaddexp(0, widen + scale) / decoder.n_components
    scale += SMALLEST_SCALE * decoder.step_size
    component = logistic(loc=location, scale=scale)
    return (np.exp(log_softmax(weight, -1)) * component.cdf(edges[:, None])).sum(-1)


@every_format
@pytest.mark.parametrize("n_components", [1, 3])
def test_leaves_are_differences_of_the_distribution_function(tokenizer, n_components):
    decoder, tokenizer = make_decoder(tokenizer, n_components)
    output = make_context()
    numbers = tokenizer.decode(tokenizer.grid()).numpy()
    edges = (numbers[1:] + numbers[:-1]) / 2
    np.testing.assert_allclose(decoder.edges, edges, rtol=0, atol=1e-12)
    cdf = mixture_cdf(decoder, output, edges)
    masses = np.diff(cdf, prepend=0, append=1)
    probs = decoder.leaf_log_probs(decoder.read(output)).exp().detach()
    np.testing.assert_allclose(probs, masses, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("location", [-1e4, 1e4])
def test_far_tails_are_finite_and_have_gradients(location, dtype):
    decoder, tokenizer = make_decoder(NormalizedTokenizer(2, 8), dtype=dtype)
    output = at_location(decoder, location, scale=-1.0).requires_grad_()
    context = decoder.read(output)
    leaves = decoder.leaf_log_probs(context)
    tokens = tokenizer.grid()[:, None]
    forced = decoder(context, tokens).log_softmax(-1)
    string = forced.gather(-1, tokens[..., None]).sum((-1, -2))[:, 0]
    assert leaves.isfinite().all()
    assert leaves.min() < -1e4
    nearest = 0 if location < 0 else -1
    assert leaves[0, nearest] == leaves.max()
    torch.testing.assert_close(string, leaves[0], rtol=1e-4, atol=1e-3)
    farthest = leaves[0, -1 - nearest]
    inputs = [output, decoder.bias]
    for answer in (farthest, forced.sum()):
        for gradient in torch.autograd.grad(answer, inputs, retain_graph=True):
            assert gradient.isfinite().all()
    (pull,) = torch.autograd.grad(farthest, decoder.bias)
    assert pull[0, 0, 0] * location < 0


def test_digits_within_an_interval_far_from_the_mixture_keep_their_ratio():
    decoder, tokenizer = make_decoder(NormalizedTokenizer(2, 8), 1, torch.float32)
    context = decoder.read(at_location(decoder, 200.0, scale=0.0))
    tokens = tokenizer.encode([0.5])[None]
    steps = decoder(context, tokens).log_softmax(-1)[0, 0].detach()  # (8, 2)
    widths = 5 / 255 * 2.0 ** torch.arange(7, -1, -1)
    odds = steps[:, 1] - steps[:, 0]
    inner = slice(2, None)  # children with two ends: an exponential distribution
    expected = widths / context.scale.detach().flatten()
    torch.testing.assert_close(odds[inner], expected[inner], rtol=1e-3, atol=1e-3)


def test_formats_too_large_to_list_know_their_intervals():
    decoder, tokenizer = make_decoder(NormalizedTokenizer(10, 9), 1)
    output = at_location(decoder, 0.7, scale=-1.0)
    context = decoder.read(output)
    mixture = logistic(loc=0.7, scale=float(context.scale.detach()))
    y = torch.linspace(-1.9, 2.9, 50, dtype=torch.float64)
    tokens = tokenizer.encode(y)[:, None]
    steps = decoder(context, tokens).log_softmax(-1)
    log_mass = steps.gather(-1, tokens[..., None]).sum((-1, -2))[:, 0]
    density = mixture.logpdf(y) + np.log(5 / (10**9 - 1))
    np.testing.assert_allclose(log_mass.detach(), density, rtol=0, atol=1e-6)
    levels = torch.tensor([0.05, 0.5, 0.9], dtype=torch.float64)
    drawn, _ = dist_of(decoder, output, tokenizer).at_levels(levels)
    quantiles = tokenizer.decode(drawn)[:, 0]
    np.testing.assert_allclose(quantiles, mixture.ppf(levels), atol=1e-6)


@pytest.mark.parametrize("scale", [-20.0, 0.0, 20.0])
def test_float32_digits_of_long_strings_are_probabilities(scale):
    decoder, tokenizer = make_decoder(NormalizedTokenizer(2, 52), dtype=torch.float32)
    context = decoder.read(at_location(decoder, 0.3, scale))
    tokens = tokenizer.encode([-2.0, 0.3, 2.0])[:, None]
    steps = decoder(context, tokens).log_softmax(-1)
    assert steps.isfinite().all()
    (gradient,) = torch.autograd.grad(steps.sum(), decoder.bias)
    assert gradient.isfinite().all()


def test_a_constant_target_has_a_distribution():
    decoder, tokenizer = make_decoder(NormalizedTokenizer(), low=1.0, high=1.0)
    dist = dist_of(decoder, make_context(), tokenizer)
    np.testing.assert_allclose(dist.support().mean.detach(), 1.0)


@pytest.mark.parametrize("tokenizer", [IEEETokenizer(), P10Tokenizer()])
def test_strings_must_sort_like_numbers(tokenizer):
    encoder = build_encoder(MLPEncoder, ColumnSpec(3))
    with pytest.raises(ValueError, match="Use tokenizer='normalized'"):
        build_decoder(AnchoredDecoder, encoder, fitted(tokenizer))


@pytest.mark.parametrize("member", TOKENIZERS.values(), ids=TOKENIZERS)
def test_evenly_spaced_means_what_it_says(member):
    tokenizer = member().fit(np.linspace(-2, 3, 20))
    steps = tokenizer.decode(tokenizer.grid(10**6)).diff()
    even = bool(steps.min() > 0 and steps.allclose(steps[0]))
    assert even == tokenizer.evenly_spaced


@pytest.mark.parametrize("name", ["n_components", "n_members"])
def test_options_out_of_range(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        AnchoredDecoder(WIDTH, fitted(FORMATS[0]), **{name: 0})


def test_learns_a_smooth_function_from_few_samples():
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, (400, 2))
    y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2 + 0.05 * random.normal(size=400)
    model = DecodingRegressor(
        decoder="anchored",
        pretraining="crps",
        fine_tuning=None,
        pretraining_epochs=15,
        random_state=0,
    ).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.95


@every_format
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_probabilities_without_logarithms_are_the_same(tokenizer, dtype):
    decoder, _ = make_decoder(tokenizer, dtype=dtype)
    output = (5 * make_context(dtype=dtype)).requires_grad_()  # narrow and far away
    context = decoder.read(output)
    probs, expected = decoder.leaf_probs(context), decoder.leaf_log_probs(context).exp()
    torch.testing.assert_close(probs, expected, rtol=1e-4, atol=1e-30)
    weight = torch.arange(probs.shape[1], dtype=dtype)
    slope, expected = (
        torch.autograd.grad((p @ weight).sum(), output, retain_graph=True)[0]
        for p in (probs, expected)
    )
    torch.testing.assert_close(slope, expected, rtol=1e-3, atol=1e-3)


@every_format
def test_every_component_moves_with_the_shared_shift_and_scale(tokenizer):
    decoder, _ = make_decoder(tokenizer)
    output = make_context()
    before = decoder.read(output)
    with torch.no_grad():
        decoder.bias[..., 0] += 0.5
    moved = decoder.read(output)
    assert_near(moved.location, before.location + SHIFT * 0.5)
    assert torch.equal(moved.scale, before.scale)
    with torch.no_grad():
        decoder.bias[..., 1] += 0.5
    assert (decoder.read(output).scale > before.scale).all()
