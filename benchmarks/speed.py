"""Times of an epoch and of predictions, as ratios of interleaved measurements."""

import copy
import itertools
import math
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from estimators import ESTIMATORS, regressor
from numpy.typing import NDArray
from rows import Results, Row, parser, print_table, set_threads
from sklearn.neural_network import MLPRegressor
from timing import interleaved, ratios, summary
from torch import Tensor, nn
from torch.nn import functional

from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.inputs import Columns, ColumnSpec, Inputs
from sklearn_genre.losses import CrossEntropy
from sklearn_genre.networks import (
    DECODERS,
    N_AT_ONCE,
    DecodingNetwork,
    build_decoder,
    build_encoder,
)
from sklearn_genre.networks._predictor import BLOCK_SIZE
from sklearn_genre.tokenizers import NormalizedTokenizer
from sklearn_genre.training import Encoded, Settings, Stage
from sklearn_genre.training._batches import Batches
from sklearn_genre.training._engine import MAX_GRADIENT_NORM, Engine, rate_at

N_COLUMNS = 20
N_SAMPLES = 128
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.01
SIZES = ((5_000, 128), (20_000, 256))  # rows, and rows per batch
FORMATS = ((2, 8), (4, 4), (8, 3), (10, 3))  # base and length
UNCACHED = (2, 8)
EPOCH_GOAL = 1.15  # at most
GOALS = {"cached": 3.0, "uncached": 10.0}  # at least
PEER_GOAL = 10.0  # at most
HIDDEN = (256, 256)  # layers of the peer
N_TRAIN = 5_000  # rows that predicting networks are fitted to
COVERAGE = 0.9


def table_of(n: int, seed: int) -> Encoded:
    """Return rows whose target has a spread that depends on the features."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, N_COLUMNS, generator=generator)
    noise = torch.randn(n, generator=generator) * X[:, 1].sigmoid()
    y = (X[:, 0] + noise).double()
    z = (y - y.mean()) / y.std()
    columns = Columns(X, torch.zeros(n, 0, dtype=torch.int64))
    return Encoded(columns, z, torch.ones(n), z.numpy(), np.ones(n))


def columns_of(data: Encoded) -> Columns:
    """Return the features as a network reads them."""
    assert isinstance(data.inputs, Columns)
    return data.inputs


def network_of(decoder: str, base: int, length: int, z: Tensor) -> DecodingNetwork:
    """Return a network with fresh weights."""
    tokenizer = NormalizedTokenizer(base, length).fit(z.numpy())
    encoder = build_encoder(MLPEncoder, ColumnSpec(N_COLUMNS))
    digits = build_decoder(DECODERS[decoder], encoder, tokenizer)
    return DecodingNetwork(encoder, digits, tokenizer)


def bare_loop(
    network: DecodingNetwork, data: Encoded, batch_size: int, epochs: int
) -> Callable[[], None]:
    """Return a function that trains one epoch, in as little code as will do."""
    objective = CrossEntropy()
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, weight_decay=WEIGHT_DECAY, fused=True)
    steps = itertools.count()
    total = epochs * math.ceil(len(data) / batch_size)

    def epoch() -> None:
        network.train()
        for inputs, (z, weight) in Batches(data, batch_size):
            dist = network.members(inputs)
            loss = (weight * objective.losses(dist, z)).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
            rate = LEARNING_RATE * rate_at(next(steps), total)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()

    return epoch


def time_epoch(decoder: str, n: int, batch_size: int, repeats: int, seed: int) -> Row:
    """Time epochs of the engine and of the bare loop, from the same weights."""
    data = table_of(n, seed)
    torch.manual_seed(seed)
    network = network_of(decoder, 2, 8, data.z)
    twin = copy.deepcopy(network)
    epochs = repeats + 1
    engine = Engine(
        network,
        Stage("epoch", CrossEntropy(), epochs, LEARNING_RATE, keep_start=False),
        data,
        # the bare loop does not average either
        Settings(batch_size, WEIGHT_DECAY, 0.0, scoring="rmse", patience=None),
        on_epoch=lambda row: None,
    ).initialize()
    bare_epoch = bare_loop(twin, data, batch_size, epochs)

    def run_engine() -> None:
        torch.manual_seed(seed)
        engine.fit_loop(data, epochs=1)

    def run_bare() -> None:
        torch.manual_seed(seed)
        bare_epoch()

    seconds = interleaved({"engine": run_engine, "bare": run_bare}, repeats)
    pairs = zip(network.parameters(), twin.parameters(), strict=True)
    return {
        **summary(seconds),
        **ratios(seconds, "ratio", "engine", "bare"),
        "weight_difference": max((a - b).abs().max().item() for a, b in pairs),
    }


def blocks_of(inputs: Columns) -> Iterator[Columns]:
    """Yield rows in blocks of the size in which an estimator predicts."""
    for start in range(0, len(inputs), BLOCK_SIZE):
        yield inputs[start : start + BLOCK_SIZE]


@torch.inference_mode()
def exact_means(network: DecodingNetwork, inputs: Columns) -> Tensor:
    """Return the mean of each row from the whole digit tree."""
    means = [network(block).support().mean for block in blocks_of(inputs)]
    return torch.cat(means)


@torch.inference_mode()
def sampled_means(
    network: DecodingNetwork,
    inputs: Columns,
    sample: Callable[[DecodingNetwork, Inputs], Tensor],
) -> Tensor:
    """Return the mean of the numbers sampled for each row."""
    decode, clip_range = network.tokenizer.decode, network.tokenizer.clip_range
    tokens = (sample(network, block) for block in blocks_of(inputs))
    return torch.cat([decode(some).clamp(*clip_range).mean(0) for some in tokens])


def sample_cached(network: DecodingNetwork, inputs: Inputs) -> Tensor:
    """Return tokens (n_samples, batch, length); each step computes one position."""
    return network(inputs).rollout(N_SAMPLES)[0]


def sample_uncached(network: DecodingNetwork, inputs: Inputs) -> Tensor:
    """Return such tokens; each step reads the whole prefix of every sample anew."""
    decoder = network.decoder
    context = decoder.read(network.encode(inputs).repeat(N_SAMPLES, 1))
    tokens = torch.zeros(1, N_SAMPLES * len(inputs), 1, dtype=torch.int64)
    for position in range(decoder.length):
        states = decoder.states(context, tokens)  # the last token is not read
        logits = decoder.mask(decoder.out(states), slice(position + 1))
        probs = logits[0, :, -1].softmax(-1)
        tokens[0, :, -1] = torch.multinomial(probs, 1)[:, 0]
        tokens = functional.pad(tokens, (0, 1))
    return tokens[..., :-1].view(N_SAMPLES, -1, decoder.length)


def time_predict(
    decoder: str,
    base: int,
    length: int,
    rows: int,
    repeats: int,
    seed: int,
    n_train: int = N_TRAIN,
) -> Row:
    """Time exact and sampled means of a network trained for one epoch."""
    data = table_of(n_train, seed)
    torch.manual_seed(seed)
    network = network_of(decoder, base, length, data.z)
    bare_loop(network, data, batch_size=128, epochs=1)()
    network.eval()
    inputs = columns_of(table_of(rows, seed + 1))
    samplers = {"cached": sample_cached}
    if (base, length) == UNCACHED:
        samplers["uncached"] = sample_uncached
    means: dict[str, Callable[[], Tensor]] = {
        "exact": partial(exact_means, network, inputs)
    }
    for name, sample in samplers.items():
        means[name] = partial(sampled_means, network, inputs, sample)
    seconds = interleaved(means, repeats)
    row = summary(seconds)
    for name in samplers:
        row |= ratios(seconds, f"{name}_ratio", name, "exact")
    double = Columns(inputs.numbers.double(), inputs.codes)
    truth = exact_means(copy.deepcopy(network).double(), double)
    for name, mean in means.items():
        row[f"{name}_error"] = (mean() - truth).abs().max().item()
    return row


def numbers_of(data: Encoded) -> NDArray[np.float64]:
    """Return the features as a user would give them."""
    return columns_of(data).numbers.double().numpy()


def time_peer(
    method: str, rows: int, repeats: int, seed: int, n_train: int = N_TRAIN
) -> Row:
    """Time distributions of an estimator and points of scikit-learn's perceptron.

    Both are trained for one epoch. Of the distributions, mean and interval are read.
    """
    data = table_of(n_train, seed)
    train = numbers_of(data), data.y
    model = regressor(method, epochs=1, seed=seed).fit(*train)
    peer = MLPRegressor(hidden_layer_sizes=HIDDEN, random_state=seed)
    peer.partial_fit(*train)  # one pass
    X = numbers_of(table_of(rows, seed + 1))

    def distribution() -> None:
        dist = model.predict_distribution(X)
        dist.mean()
        dist.interval(COVERAGE)

    functions: dict[str, Callable[[], object]] = {
        "distribution": distribution,
        "peer": partial(peer.predict, X),
    }
    seconds = interleaved(functions, repeats)
    return {**summary(seconds), **ratios(seconds, "ratio", "distribution", "peer")}


def print_tables(rows: list[Row]) -> None:
    """Print a table of the epochs, one for each way to sample, one of the peer."""
    epochs = [row for row in rows if row["benchmark"] == "epoch"]
    epochs = [row | {"met": row["ratio_median"] <= EPOCH_GOAL} for row in epochs]
    columns = ["engine_s_min", "bare_s_min", "ratio_min", "ratio_median"]
    columns = ["method", "n", "batch_size", *columns, "weight_difference", "met"]
    print_table(f"Epoch over a bare loop's: at most {EPOCH_GOAL}", epochs, columns)
    for name, goal in GOALS.items():
        ratio = f"{name}_ratio_median"
        shown = [row | {"met": row[ratio] >= goal} for row in rows if ratio in row]
        columns = ["method", "base", "length", "exact_s_min", f"{name}_s_min"]
        columns += [f"{name}_ratio_min", ratio, "exact_error", f"{name}_error", "met"]
        title = f"{N_SAMPLES} {name} samples over the exact mean: at least {goal}"
        print_table(title, shown, columns)
    peers = [row for row in rows if row["benchmark"] == "peer"]
    peers = [row | {"met": row["ratio_median"] <= PEER_GOAL} for row in peers]
    columns = ["distribution_s_min", "peer_s_min", "ratio_min", "ratio_median", "met"]
    title = f"Distribution over MLPRegressor{HIDDEN}'s points: at most {PEER_GOAL}"
    print_table(title, peers, ["method", "rows", *columns])


def main() -> None:
    options = parser(__doc__)
    add = options.add_argument
    add("--only", choices=("epoch", "predict", "peer"))
    add("--decoders", nargs="+", default=list(DECODERS), choices=DECODERS)
    add("--methods", nargs="+", default=list(ESTIMATORS), choices=ESTIMATORS)
    add("--repeats", type=int, default=7)
    add("--rows", type=int, default=2 * N_AT_ONCE, help="rows to predict")
    add("--peer-rows", type=int, default=100_000)
    add("--train-rows", type=int, help="of an epoch and of what predicts, if not usual")
    args = options.parse_args()
    set_threads(args.threads)
    results = Results(args.out, args.threads)
    common = {"seed": args.seed, "repeats": args.repeats}
    few = {} if args.train_rows is None else {"n_train": args.train_rows}
    sizes = SIZES if args.train_rows is None else ((args.train_rows, SIZES[0][1]),)
    for decoder in args.decoders:
        for n, size in sizes if args.only in (None, "epoch") else ():
            setting = {"n": n, "batch_size": size, **common}
            piece = {"benchmark": "epoch", "data": "synthetic", "method": decoder}
            results.run(piece | setting, partial(time_epoch, decoder, **setting))
        for base, length in FORMATS if args.only in (None, "predict") else ():
            setting = {"base": base, "length": length, "rows": args.rows, **common}
            setting |= few
            piece = {"benchmark": "predict", "data": "synthetic", "method": decoder}
            results.run(piece | setting, partial(time_predict, decoder, **setting))
    for method in args.methods if args.only in (None, "peer") else ():
        setting = {"rows": args.peer_rows, **common, **few}
        piece = {"benchmark": "peer", "data": "synthetic", "method": method}
        results.run(piece | setting, partial(time_peer, method, **setting))
    print_tables(results.rows)


if __name__ == "__main__":
    main()
