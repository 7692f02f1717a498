"""Times of an epoch and of predictions, as ratios of interleaved measurements."""

import copy
import itertools
import math
from collections.abc import Callable
from functools import partial

import torch
from estimators import ESTIMATORS, regressor
from rows import Results, Row, parser, print_table, set_threads
from sklearn.neural_network import MLPRegressor
from timing import interleaved, ratios, summary
from torch import Tensor, nn
from torch.nn import functional

from sklearn_genre._base import BLOCK
from sklearn_genre._training import (
    MAX_GRADIENT_NORM,
    Engine,
    Stage,
    TrainingData,
    schedule,
)
from sklearn_genre.distributions import TokenDistribution
from sklearn_genre.encoders import MLPEncoder
from sklearn_genre.losses import CrossEntropy
from sklearn_genre.networks import DECODERS, DecodingNetwork, decoding_network
from sklearn_genre.networks import DigitDecoder as Decoder
from sklearn_genre.tokenizers import NormalizedTokenizer

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


def table_of(n: int, seed: int) -> TrainingData:
    """Return rows whose target has a spread that depends on the features."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n, N_COLUMNS, generator=generator)
    noise = torch.randn(n, generator=generator) * X[:, 1].sigmoid()
    y = (X[:, 0] + noise).double()
    return TrainingData(X, (y - y.mean()) / y.std(), torch.ones(n))


def network_of(decoder: str, base: int, length: int, y: Tensor) -> DecodingNetwork:
    """Return a network with fresh weights."""
    tokenizer = NormalizedTokenizer(base, length).fit(y.numpy())
    return decoding_network(MLPEncoder, DECODERS[decoder], tokenizer, N_COLUMNS)


def bare_loop(
    network: nn.Module, data: TrainingData, batch_size: int, epochs: int
) -> Callable[[], None]:
    """Return a function that trains one epoch, in as little code as will do."""
    objective = CrossEntropy()
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, weight_decay=WEIGHT_DECAY, fused=True)
    steps = itertools.count()
    total = epochs * math.ceil(len(data.y) / batch_size)

    def epoch() -> None:
        network.train()
        order = torch.randperm(len(data.y))
        batches = (column[order].split(batch_size) for column in data)
        for X, y, weight in zip(*batches, strict=True):
            loss = (weight * objective.loss(network(X), y)).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
            rate = LEARNING_RATE * schedule(next(steps), total)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()

    return epoch


def time_epoch(decoder: str, n: int, batch_size: int, repeats: int, seed: int) -> Row:
    """Time epochs of the engine and of the bare loop, from the same weights."""
    data = table_of(n, seed)
    torch.manual_seed(seed)
    network = network_of(decoder, 2, 8, data.y)
    twin = copy.deepcopy(network)
    epochs = repeats + 1
    engine = Engine(
        network,
        Stage("epoch", CrossEntropy(), epochs, LEARNING_RATE, keep_start=False),
        data,
        on_epoch=lambda row: None,
        batch_size=batch_size,
        weight_decay=WEIGHT_DECAY,
        ema_decay=0.0,  # the bare loop does not average either
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


@torch.inference_mode()
def exact_means(network: DecodingNetwork, X: Tensor) -> Tensor:
    """Return the mean of each row from the whole digit tree."""
    return torch.cat([network(block).atoms().mean for block in X.split(BLOCK)])


@torch.inference_mode()
def sampled_means(
    network: DecodingNetwork, X: Tensor, sample: Callable[[TokenDistribution], Tensor]
) -> Tensor:
    """Return the mean of the numbers sampled for each row."""
    dists = (network(block) for block in X.split(BLOCK))
    return torch.cat([dist.numbers(sample(dist)).mean(0) for dist in dists])


def sample_cached(dist: TokenDistribution) -> Tensor:
    """Return tokens (n_samples, batch, length); each step computes one position."""
    return dist.rollout(N_SAMPLES)[0]


def sample_uncached(decoders: list[Decoder], dist: TokenDistribution) -> Tensor:
    """Return such tokens; each step reads the whole prefix of every sample anew."""
    context = dist.context.repeat(N_SAMPLES, 1)
    tokens = torch.zeros(1, len(context), 1, dtype=torch.int64)
    for decoder in decoders:  # the last token is not read: it is a place to fill
        probs = decoder(context, tokens)[0, :, -1].softmax(-1)
        tokens[0, :, -1] = torch.multinomial(probs, 1)[:, 0]
        tokens = functional.pad(tokens, (0, 1))
    return tokens[..., :-1].view(N_SAMPLES, -1, len(decoders))


def prefix_decoders(network: DecodingNetwork) -> list[Decoder]:
    """Return decoders of the first position, the first two, and so on."""
    decoders = []
    for length in range(1, network.decoder.length + 1):
        allowed = network.tokenizer.allowed_tokens[:length]
        decoder = type(network.decoder)(network.decoder.width, allowed)
        sizes = {name: len(value) for name, value in decoder.state_dict().items()}
        weights = network.decoder.state_dict()
        decoder.load_state_dict({name: weights[name][:n] for name, n in sizes.items()})
        decoders.append(decoder.eval())
    return decoders


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
    network = network_of(decoder, base, length, data.y)
    bare_loop(network, data, batch_size=128, epochs=1)()
    network.eval()
    X = table_of(rows, seed + 1).X
    samplers = {"cached": sample_cached}
    if (base, length) == UNCACHED:
        samplers["uncached"] = partial(sample_uncached, prefix_decoders(network))
    means = {"exact": partial(exact_means, network, X)}
    for name, sample in samplers.items():
        means[name] = partial(sampled_means, network, X, sample)
    seconds = interleaved(means, repeats)
    row = summary(seconds)
    for name in samplers:
        row |= ratios(seconds, f"{name}_ratio", name, "exact")
    truth = exact_means(copy.deepcopy(network).double(), X.double())
    for name, mean in means.items():
        row[f"{name}_error"] = (mean() - truth).abs().max().item()
    return row


def time_peer(
    method: str, rows: int, repeats: int, seed: int, n_train: int = N_TRAIN
) -> Row:
    """Time distributions of an estimator and points of scikit-learn's perceptron.

    Both are trained for one epoch. Of the distributions, mean and interval are read.
    """
    data = table_of(n_train, seed)
    train = data.X.double().numpy(), data.y.numpy()
    model = regressor(method, epochs=1, seed=seed).fit(*train)
    peer = MLPRegressor(hidden_layer_sizes=HIDDEN, random_state=seed)
    peer.partial_fit(*train)  # one pass
    X = table_of(rows, seed + 1).X.double().numpy()

    def distribution() -> None:
        dist = model.predict_distribution(X)
        dist.mean()
        dist.interval(COVERAGE)

    functions = {"distribution": distribution, "peer": partial(peer.predict, X)}
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
    add("--rows", type=int, default=2 * BLOCK, help="rows to predict")
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
