"""A causal language model writes the digits, by the public protocols alone."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from digit_distributions import all_strings, assert_near, log_probs_of, random_tokens

from sklearn_genre.decoders import DigitDecoder
from sklearn_genre.inputs import Data
from sklearn_genre.losses import LOSSES
from sklearn_genre.networks import DecodingNetwork, Predictor
from sklearn_genre.policy_gradients import POLICY_GRADIENTS
from sklearn_genre.targets import TargetScaler
from sklearn_genre.tokenizers import NormalizedTokenizer, P10Tokenizer

transformers = pytest.importorskip("transformers")
OBJECTIVES = {**LOSSES, **POLICY_GRADIENTS}
PAD, FIRST = 0, 20  # the tokens of a number are words from FIRST on
Y = np.array([-1.2, -0.4, 0.1, 1.5])


class Prompts:
    """Token ids of prompts, padded on the left, (batch, n_tokens)."""

    def __init__(self, ids):
        self.ids = ids
        self.device = ids.device

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        return Prompts(self.ids[index])

    def to(self, device):
        return Prompts(self.ids.to(device))

    def blocks(self, size):
        yield self, len(self)


class Text(NamedTuple):
    """What a language model has read: one text, or several of each sample."""

    last: torch.Tensor  # (n_texts, hidden_size), the state of the last token
    real: torch.Tensor  # (n_texts, n_tokens), 0 for padding
    past: list  # keys and values of each layer
    batch_size: int
    n_written: int = 0


class NextWord(DigitDecoder):
    """The digits after a prompt; the context is the cache of its keys and values."""

    def __init__(self, model, tokenizer):
        super().__init__(model.config.hidden_size, tokenizer)
        self.model, self.out, self.hidden_size = model.model, model.lm_head, self.width

    def mask(self, logits, position=slice(None)):
        return super().mask(logits[..., FIRST : FIRST + self.vocab_size], position)

    def read(self, ids):
        return self.append(Text(None, ids[:, :0], [], len(ids), -1), ids, ids != PAD)[1]

    def append(self, text, ids, is_real):  # (n_texts * n_branches, n_tokens)
        times = len(ids) // len(text.real)
        cache = transformers.DynamicCache()
        for layer, pair in enumerate(text.past):
            cache.update(*(x.repeat_interleave(times, 0) for x in pair), layer)
        real = torch.cat([text.real.repeat_interleave(times, 0), is_real.long()], 1)
        place = (real.cumsum(1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        read = self.model(ids, attention_mask=real, position_ids=place, cache=cache)
        past = [(layer.keys, layer.values) for layer in cache.layers]
        grown = (real, past, text.batch_size, text.n_written + 1)
        return read.last_hidden_state, Text(read.last_hidden_state[:, -1], *grown)

    def states(self, context, tokens):  # (n, batch, n_positions)
        states = context.last.repeat_interleave(len(tokens), 0)[:, None]
        if tokens.shape[-1] > 1:
            ids = FIRST + tokens.transpose(0, 1).flatten(0, 1)[:, :-1]
            later, _ = self.append(context, ids, torch.ones_like(ids))
            states = torch.cat([states, later], 1)
        return states.unflatten(0, (-1, len(tokens))).transpose(0, 1)

    def start(self, context):
        states = context.last.unflatten(0, (context.batch_size, -1))
        return self.mask(self.out(states), context.n_written), context

    def step(self, text, tokens):
        ids = FIRST + tokens.expand(text.batch_size, -1).reshape(-1, 1)
        return self.start(self.append(text, ids, torch.ones_like(ids))[1])


class LanguageModel(DecodingNetwork):
    """Prompts to distributions over numbers: there is no encoder but the prompt."""

    def __init__(self, model, tokenizer):
        super().__init__(torch.nn.Identity(), NextWord(model, tokenizer), tokenizer)

    def encode(self, inputs):
        return inputs.ids


def make_prompts():
    """Return four prompts of three to six words."""
    ids = torch.randint(1, FIRST, (4, 6), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([6, 3, 5, 4])
    return Prompts(ids.masked_fill(torch.arange(6) < 6 - lengths[:, None], PAD))


def make_network(tokenizer, dtype=torch.float64):
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=40,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.5,
        pad_token_id=PAD,
    )
    model = transformers.LlamaForCausalLM(config).to(dtype)
    tokenizer = tokenizer.fit(TargetScaler().fit(Y, np.ones(4)).transform(Y))
    return LanguageModel(model, tokenizer), model


every_format = pytest.mark.parametrize(
    "tokenizer", [NormalizedTokenizer(3, 3), P10Tokenizer(1, 1)], ids=repr
)
every_precision = pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-6)], ids=str
)


@every_precision
@every_format
@torch.no_grad()
def test_tree_teacher_forcing_and_rollouts_agree(tokenizer, dtype, tolerance):
    network, _ = make_network(tokenizer, dtype)
    dist = network(make_prompts())
    strings = log_probs_of(dist.decoder, dist.context, all_strings(tokenizer, 4)).T
    assert_near(dist.decoder.leaf_log_probs(dist.context), strings, tolerance)
    torch.manual_seed(0)
    tokens, drawn = dist.rollout(5)
    assert_near(drawn, dist.token_log_probs(tokens), tolerance)
    levels = torch.tensor([0.2, 0.7], dtype=torch.float64)
    tokens, log_probs = dist.at_levels(levels)
    expected = dist.token_log_probs(tokens).sum(-1)
    assert_near(log_probs, expected.double(), 10 * tolerance)
    greedy = dist.greedy()
    assert torch.equal(dist.log_probs(greedy[None])[0].argmax(-1), greedy)


@every_format
@torch.no_grad()
def test_logits_are_those_of_the_whole_text_without_padding(tokenizer):
    network, model = make_network(tokenizer)
    prompts, tokens = make_prompts(), random_tokens(tokenizer, 2, 4)
    forced = network(prompts).log_probs(tokens)
    for i, prompt in enumerate(prompts.ids):
        for j in range(2):
            text = torch.cat([prompt[prompt != PAD], FIRST + tokens[j, i, :-1]])
            logits = model(text[None]).logits[0, -tokenizer.length :]
            logits = logits[:, FIRST : FIRST + tokenizer.vocab_size]
            logits[~tokenizer.allowed_tokens] = -torch.inf
            assert_near(forced[j, i], logits.log_softmax(-1), 1e-6)


@every_format
@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_trains_it(name, tokenizer):
    network, _ = make_network(tokenizer, torch.float32)
    objective = OBJECTIVES[name]()
    given = objective.get_params().keys()
    extras = {"entropy_weight": 0.1, "kl_weight": 0.1, "expert_weight": 0.1}
    objective.set_params(**{k: v for k, v in extras.items() if k in given})
    scaler, data = TargetScaler().fit(Y, np.ones(4)), Data(None, Y, np.ones(4))
    z, inputs = torch.tensor(scaler.transform(Y)), make_prompts()
    objective.check(network.tokenizer)
    network.rule = objective.rule(network.tokenizer, scaler, data)
    objective.start(z, torch.ones(4))
    reference = network(inputs) if objective.needs_reference else None
    before = [parameter.detach().clone() for parameter in network.parameters()]
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    torch.manual_seed(0)
    for _ in range(2):
        dist = network.members(inputs)
        with torch.no_grad():
            target = objective.prepare(dist, z, reference)
        loss = objective.losses(dist, target)
        assert loss.shape == (4,)
        optimizer.zero_grad()
        loss.mean().backward()
        for label, parameter in network.named_parameters():
            assert parameter.grad.isfinite().all(), label
        optimizer.step()
    for old, parameter in zip(before, network.parameters(), strict=True):
        assert not torch.equal(old, parameter)
    prediction = Predictor(network.eval(), scaler).mean(inputs)
    assert prediction.shape == (4,)
    assert np.isfinite(prediction).all()
