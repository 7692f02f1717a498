"""A default fit and predict: what they enter, and that no call climbs."""

import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn
import tracing
from layers import LAYERS, RANK
from sklearn.utils.fixes import parse_version

if parse_version(sklearn.__version__) < parse_version("1.9"):
    reason = "stand-ins for what scikit-learn lacks are on the way"
    pytest.skip(reason, allow_module_level=True)
DESIGN = Path(__file__).parents[1] / "docs" / "design.md"


@pytest.fixture(scope="module")
def traces():
    """Return what fit and predict enter."""
    return tracing.default_traces(epochs=1)


def described():
    """Return the files that the page names, in the order of their first mention."""
    page = DESIGN.read_text(encoding="utf-8")
    section = page.partition("## How a fit works\n")[2].partition("\n## ")[0]
    return list(dict.fromkeys(re.findall(r"`([\w/]+\.py)`", section)))


def test_page_names_the_files_in_the_order_of_a_fit_and_a_predict(traces):
    files = dict.fromkeys([*traces["fit"].files, *traces["predict"].files])
    assert described() == list(files)


def test_no_call_climbs(traces):
    assert not [call for trace in traces.values() for call in trace.climbs]


def test_the_path_stays_short(traces):
    sizes = {
        name: (len(trace.files), sum(map(len, trace.functions.values())))
        for name, trace in traces.items()
    }
    assert np.all(np.array(sizes["fit"]) <= (45, 276))
    assert np.all(np.array(sizes["predict"]) <= (12, 55))


def test_trace_sees_functions_of_the_package_alone(traces):
    for trace in traces.values():
        names = [name for own in trace.functions.values() for name in own]
        assert not [name for name in names if name.endswith(">")]
        assert all((tracing.ROOT / file).is_file() for file in trace.files)


def call(trace, *stack):
    """Enter the last of some functions, each (file, name), called by those before."""
    frame = None
    for file, name in stack:
        path = file if file.startswith("/") else str(tracing.ROOT / file)
        code = compile(f"def {name}(): pass", path, "exec").co_consts[0]
        frame = SimpleNamespace(f_code=code, f_back=frame, f_lineno=7)
    trace.enter(frame, "call", None)
    return trace


LOW, HIGH = ("inputs/_a.py", "low"), ("training/_b.py", "high")


def test_climb_is_of_the_nearest_caller_in_the_package():
    between, callback = ("/torch/nn.py", "f"), ("/sklearn/callback/_c.py", "g")
    trace = call(tracing.Trace(), LOW, between, HIGH)
    assert trace.climbs == ["inputs/_a.py:7 calls training/_b.py high"]
    assert trace.functions == {"training/_b.py": ["high"]}
    assert not call(tracing.Trace(), HIGH, between, LOW).climbs
    assert not call(tracing.Trace(), HIGH, HIGH).climbs
    assert not call(tracing.Trace(), between, HIGH).climbs
    trace = call(tracing.Trace(), LOW, callback, HIGH)
    assert (len(trace.climbs), len(trace.callbacks)) == (0, 1)


def test_layers_are_disjoint():
    assert sum(map(len, LAYERS)) == len(RANK)
