"""Options of single decoders."""

import pytest
import torch
from digit_distributions import (
    FORMATS,
    WIDTH,
    all_strings,
    assert_near,
    fitted,
    log_probs_of,
    make_context,
    make_decoder,
    random_tokens,
)

from sklearn_genre.decoders import MLPDecoder, TransformerDecoder
from sklearn_genre.tokenizers import NormalizedTokenizer

BASE_3 = NormalizedTokenizer(3, 3)


def read(decoder):
    """Return a context that is read from random encoder outputs."""
    return decoder.read(make_context())


def test_transformer_rejects_heads_that_do_not_divide_the_width():
    with pytest.raises(ValueError, match="hidden_size=10 and n_heads=4"):
        TransformerDecoder(WIDTH, fitted(BASE_3), hidden_size=10, n_heads=4)


@pytest.mark.parametrize(("n_layers", "n_heads"), [(1, 1), (3, 3)])
def test_transformer_agrees_with_itself_at_any_size(n_layers, n_heads):
    tokenizer = FORMATS["p10"]
    options = {"hidden_size": 6, "n_layers": n_layers, "n_heads": n_heads}
    decoder = make_decoder("transformer", tokenizer, **options)
    expected = log_probs_of(decoder, read(decoder), all_strings(tokenizer, 3)).T
    assert_near(decoder.leaf_log_probs(read(decoder)), expected)


def test_transformer_dropout_acts_in_training_alone():
    decoder = make_decoder("transformer", BASE_3, dropout=0.5)
    context, tokens = read(decoder), random_tokens(BASE_3, 2, 3)
    assert torch.equal(decoder(context, tokens), decoder(context, tokens))
    decoder.train()
    assert not torch.equal(decoder(context, tokens), decoder(context, tokens))


def test_mlp_is_as_wide_as_told():
    decoder = MLPDecoder(WIDTH, fitted(BASE_3), hidden_size=7)
    assert decoder.out.in_features == 7
    assert decoder.leaf_log_probs(torch.zeros(2, WIDTH)).shape == (2, 27)
