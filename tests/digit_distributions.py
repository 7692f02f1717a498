"""Decoders and distributions with random weights, for every format they can write."""

import math
from types import SimpleNamespace

import pytest
import torch
from sklearn.base import clone

from sklearn_genre.decoders import DECODERS, DigitDecoder
from sklearn_genre.inputs import Data
from sklearn_genre.outputs import TokenDistribution, leaves_of
from sklearn_genre.targets import TargetScaler
from sklearn_genre.tokenizers import (
    TOKENIZERS,
    IEEETokenizer,
    NormalizedTokenizer,
    P10Tokenizer,
    Tokenizer,
)

WIDTH = 5
TARGETS = torch.tensor([-0.9, 0.35, 2.6], dtype=torch.float64)


class TableDecoder(DigitDecoder):
    """The least a decoder can be: a table of logits, looked up prefix by prefix."""

    def __init__(self, width, tokenizer, *, n_members=1):
        super().__init__(width * n_members, tokenizer)
        self.hidden_size = self.vocab_size
        self.out = torch.nn.Identity()
        self.table = torch.nn.Linear(self.width, self.n_prefixes * self.vocab_size)

    def tree_logits(self, context):
        counts = [math.prod(map(len, self.choices[:t])) for t in range(self.length)]
        position = torch.arange(self.length).repeat_interleave(torch.tensor(counts))
        table = self.table(context).view(len(context), self.n_prefixes, -1)
        return self.mask(table, position)

    def states(self, context, tokens):
        rows = torch.arange(len(context))[:, None]
        return self.tree_logits(context)[rows, self.prefix_index(tokens)]

    def forward(self, context, tokens):
        return self.states(context, tokens)

    def start(self, context):
        table, place = self.tree_logits(context), torch.zeros(len(context), 1).long()
        return table[:, :1], SimpleNamespace(table=table, place=place, position=0)

    def step(self, cache, tokens):
        place = cache.place.repeat_interleave(
            tokens.shape[1] // cache.place.shape[1], 1
        )
        place = self.child(place, tokens, cache.position)
        above = dict(self.levels())[cache.position]
        rows = torch.arange(len(place))[:, None]
        cache = SimpleNamespace(
            table=cache.table, place=place, position=cache.position + 1
        )
        return cache.table[rows, above + place], cache


class Gaps(Tokenizer):
    """A format in which two positions have no choice; strings sort like numbers."""

    length, vocab_size = 5, 4
    allowed_tokens = torch.tensor(
        [[0, 1, 1, 1], [0, 0, 1, 0], [1, 1, 0, 0], [1, 0, 1, 1], [1, 0, 0, 0]]
    ).bool()
    digit_values = torch.where(allowed_tokens, torch.arange(4.0).double(), math.nan)

    def _check_parameters(self):
        pass

    def _encode(self, values):
        place = values.nan_to_num(posinf=17, neginf=0).round().clamp(0, 17).long()
        return self.grid()[place]

    def _decode(self, tokens):
        same = (tokens[..., None, :] == self.grid()).all(-1)
        return same.long().argmax(-1).double()


OWN = {**DECODERS, "table": TableDecoder}
FORMATS = {
    "one token": NormalizedTokenizer(3, 1),
    "base 2": NormalizedTokenizer(2, 5),
    "midpoint": NormalizedTokenizer(3, 3, "midpoint"),
    "ieee": IEEETokenizer(2, 1, 3),
    "p10": P10Tokenizer(1, 2),
    "gaps": Gaps(),
}
COVERED = {type(tokenizer) for tokenizer in FORMATS.values()}
FORMATS |= {name: t() for name, t in TOKENIZERS.items() if t not in COVERED}
ENUMERABLE = {name: t for name, t in FORMATS.items() if t.n_strings <= 4096}
LARGE = [NormalizedTokenizer(10, 6), IEEETokenizer(10, 1, 4), P10Tokenizer(4, 10)]


def can_write(name, tokenizer):
    """Return whether a decoder takes a tokenizer; some want even steps."""
    try:
        OWN[name](2, clone(tokenizer).fit([-1.0, 1.0]))
    except ValueError:
        return False
    return True


def decoders_with(*tokenizers, names=OWN):
    """Parametrize a test by decoders, each with the formats that it can write."""
    cases = [
        pytest.param(name, tokenizer, id=f"{name}-{tokenizer!r}")
        for name in names
        for tokenizer in tokenizers
        if can_write(name, tokenizer)
    ]
    return pytest.mark.parametrize(("name", "tokenizer"), cases)


def fitted(tokenizer, y=(-1.3, 2.1)):
    return clone(tokenizer).fit(list(y))


def shaken(module, scale=0.15):
    """Return a module with noise in every parameter."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(scale * torch.randn_like(parameter))
    return module


def make_decoder(name, tokenizer, dtype=torch.float64, seed=0, **options):
    """Return a decoder with random weights; the tokenizer is fitted first."""
    torch.manual_seed(seed)
    decoder = OWN[name](WIDTH, fitted(tokenizer), **options)
    return shaken(decoder).to(dtype).eval()


def make_context(batch=3, seed=1, members=None, **options):
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, WIDTH) if members is None else (members, batch, WIDTH)
    context = torch.randn(shape, generator=generator, dtype=torch.float64)
    return context.to(**options)


def dist_of(decoder, context, tokenizer, *, leaves=True, temperature=1.0, rule=None):
    """Return the distributions of encoder outputs."""
    return TokenDistribution(
        decoder,
        decoder.read(context),
        len(context),
        context.device,
        tokenizer,
        leaves_of(tokenizer, context.device, decoder.max_strings) if leaves else None,
        temperature,
        rule,
    )


def random_dist(
    name, tokenizer, temperature=1.0, dtype=torch.float64, batch=3, y=(-1.3, 2.1)
):
    """Return the distributions of random contexts under a decoder of random weights."""
    decoder = make_decoder(name, tokenizer, dtype).requires_grad_(False)
    context = make_context(batch, dtype=dtype)
    return dist_of(decoder, context, fitted(tokenizer, y), temperature=temperature)


class Free(TokenDistribution):
    """Distributions of samples that are differentiated by their encoder output."""

    def __init__(self, decoder, output, tokenizer, *, leaves=True, rule=None):
        self.output = output
        dist = dist_of(decoder, output, tokenizer, leaves=leaves, rule=rule)
        super().__init__(
            decoder, dist.context, len(output), output.device, tokenizer, dist.leaves
        )
        self.rule = rule

    def again(self, output=None, *, leaves=True):
        """Return the distributions of the decoder as it is now, or of other samples."""
        output = self.output if output is None else output
        return Free(self.decoder, output, self.tokenizer, leaves=leaves, rule=self.rule)

    def only(self, index):
        """Return one sample, with an encoder output of its own."""
        output = self.output.detach()[index : index + 1]
        return self.again(output.requires_grad_())


class Told(TokenDistribution):
    """A distribution whose rollouts are given, not drawn."""

    def __init__(self, dist, tokens, *, leaves=None, temperature=1.0):
        super().__init__(
            dist.decoder,
            dist.context,
            dist.batch_size,
            dist.device,
            dist.tokenizer,
            leaves,
            temperature,
        )
        self.tokens, self.output = tokens, getattr(dist, "output", None)

    def rollout(self, n):
        assert len(self.tokens) == n
        return self.tokens, self.token_log_probs(self.tokens)

    def sample(self, n):
        assert len(self.tokens) == n
        return self.tokens

    def at_temperature(self, temperature):
        return Told(self, self.tokens, leaves=self.leaves, temperature=temperature)


def free_dist(name="mlp", tokenizer=None, batch=3, seed=0, y=(-1.3, 2.1), scale=1.0):
    """Return distributions under random weights, ready to differentiate."""
    tokenizer = NormalizedTokenizer(2, 3) if tokenizer is None else tokenizer
    torch.manual_seed(seed)
    decoder = shaken(OWN[name](WIDTH, fitted(tokenizer, y))).double().eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(scale)
    output = torch.randn(batch, WIDTH, dtype=torch.float64).requires_grad_()
    return Free(decoder, output, fitted(tokenizer, y))


def inputs_of(dist):
    """Return what a distribution is differentiated by."""
    return [*dist.decoder.parameters(), dist.output]


def gradient_of(loss, dist):
    """Return the gradient by decoder and encoder output as one vector."""
    gradients = torch.autograd.grad(
        loss, inputs_of(dist), retain_graph=True, materialize_grads=True
    )
    return torch.cat([gradient.flatten() for gradient in gradients])


def evaluate(objective, dist, y, reference=None):
    """Return the loss of each sample as the training loop computes it."""
    with torch.no_grad():
        target = objective.prepare(dist, y, reference)
    return objective.losses(dist, target)


def prepare(objective, dist, y=TARGETS, reference=None):
    """Return rollouts as the training engine asks for them."""
    with torch.no_grad():
        return objective.prepare(dist, y, reference)


def train(objective, dist, y, n_steps, learning_rate=0.02):
    """Take steps of AdamW as the training engine does."""
    inputs = [*dist.decoder.parameters(), dist.output]
    optimizer = torch.optim.AdamW(inputs, lr=learning_rate)
    for _ in range(n_steps):
        rollouts = prepare(objective, dist.again(), y)
        for _ in range(objective.n_updates):
            loss = objective.losses(dist.again(), rollouts).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def leaf_masses(dist, temperature=1.0):
    """Return the mass of each string, (batch, n_strings), differentiable."""
    return dist.decoder.leaf_log_probs(dist.context, temperature).exp()


def every_group(dist, n):
    """Return all groups of n strings of one sample, and how likely each is.

    Each group stands in a sample of its own; probabilities are without gradient.
    """
    strings = dist.tokenizer.grid()
    groups = torch.cartesian_prod(*[torch.arange(len(strings))] * n).reshape(-1, n)
    copies = dist.again(dist.output.expand(len(groups), -1))
    return copies, strings[groups].transpose(0, 1), groups


def rule_of(objective, tokenizer, y):
    """Return what an objective predicts by, for standardised targets y."""
    data = Data(None, y.numpy(), torch.ones(len(y)).double().numpy())
    return objective.rule(tokenizer, TargetScaler().fit(data.y, data.weight), data)


def random_tokens(tokenizer, *shape, seed=2):
    """Return allowed strings (*shape, length), drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    allowed = tokenizer.allowed_tokens
    drawn = torch.multinomial(
        allowed.double(), math.prod(shape), replacement=True, generator=generator
    )
    return drawn.T.reshape(*shape, len(allowed))


def string_index(tokenizer, tokens):
    """Return the place of each string (..., length) in tree order."""
    index = torch.zeros(tokens.shape[:-1], dtype=torch.int64)
    for position, allowed in enumerate(tokenizer.allowed_tokens):
        rank = allowed.cumsum(0) - 1  # (vocab_size,)
        index = index * allowed.sum() + rank[tokens[..., position]]
    return index


def all_strings(tokenizer, batch):
    """Return every string for each sample, (n_strings, batch, length)."""
    return tokenizer.grid()[:, None].expand(-1, batch, -1)


def log_probs_of(decoder, context, tokens):
    """Return the teacher-forced log-probability of each string, (n, batch)."""
    log_probs = decoder(context, tokens).log_softmax(-1)
    return log_probs.gather(-1, tokens[..., None])[..., 0].sum(-1)


def stepwise_logits(decoder, context, tokens, branches):
    """Return logits as forward does, stepping along prefixes that branch as told.

    Each string of tokens (n, batch, length) takes its first tokens from the prefix it
    descends from; the strings so changed are returned too.
    """
    n, _, length = tokens.shape
    logits, cache = decoder.start(context)
    n_prefixes, seen, steps = 1, [], []
    for position in range(length):
        steps.append(logits.repeat_interleave(n // n_prefixes, 1))
        n_prefixes *= branches[position]
        token = tokens[:: n // n_prefixes, :, position].T  # (batch, n_prefixes)
        seen.append(token.repeat_interleave(n // n_prefixes, 1))
        if position + 1 < length:
            logits, cache = decoder.step(cache, token)
    return torch.stack(steps, -2).transpose(0, 1), torch.stack(seen, -1).transpose(0, 1)


def assert_near(actual, expected, tolerance=1e-10):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)
