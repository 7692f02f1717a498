"""The layers of the package, which imports and calls keep to.

It imports nothing, so that ``benchmarks/tracing.py`` can read it as well as the tests.
"""

# From the bottom up: each layer may import, and call, those above it in this list.
# Those that share a line do not know each other. "" is the package itself.
LAYERS = (
    {"_checks", "_doc_link", "_device", "_sklearn", "_warn"},
    {"distributions", "preprocessing", "tokenizers"},
    {"inputs", "targets"},
    {"encoders", "decoders"},
    {"outputs"},
    {"_objective", "networks"},
    {"losses", "policy_gradients"},
    {"calibration"},
    {"training"},
    {"estimators"},
    {"export", "metrics"},
    {"inspection", "model_selection"},
    {""},
    {"cli"},
    {"__main__"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}


def place(path):
    """Return the module or folder, right below the package, of a source file.

    The path is relative to the package, with slashes.
    """
    first = path.split("/")[0].removesuffix(".py")
    return "" if first == "__init__" else first
