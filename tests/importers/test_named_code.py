import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tradewind.errors import ModelError
from tradewind.importers.converters.jax_weights import read_weights, shapes_of
from tradewind.importers.named_code import checked_weights, is_of_jax, names_factory

FILES = {
    "plain.py": "import numpy\ndef f(x): return x",
    "direct.py": "import jax.numpy as jnp\ndef f(p, x): return x",
    "nets/__init__.py": "",
    "nets/layers.py": "from jax import lax",
    "nets/model.py": "from .layers import lax\ndef f(p, x): return x",
    "nets/other.py": "from . import layers\ndef f(p, x): return x",
    "outer.py": "from nets import model\ndef f(p, x): return x",
    "late.py": "def f(p, x):\n    import jax\n    return x",
    "torched.py": "from torch import nn\ndef f(): return nn.Linear(2, 2)",
    "both.py": "import jax, torch\ndef build(): ...\ndef f(p, x): ...\nclass Net: ...",
    "circle.py": "import circle\nimport jax",
    "broken.py": "import jax\ndef f(:",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain:f", False),
        ("direct:f", True),
        ("nets.model:f", True),
        ("nets.other:f", True),
        ("outer:f", True),
        ("late:f", True),
        ("torched:f", False),
        ("both:build", False),
        ("both:f", True),
        ("both:Net", False),
        ("circle:f", True),
        ("broken:f", False),
        ("no_such_module:f", False),
    ],
)
def test_a_function_of_jax_is_known_by_what_its_module_imports(
    folder: Path, name: str, expected: bool
) -> None:
    assert is_of_jax(Path(name), folder) is expected


def test_a_file_of_that_name_is_no_function(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names_factory(Path("direct:f"))
    Path("direct:f").touch()
    assert not names_factory(Path("direct:f"))


@pytest.mark.parametrize("member", ["../outside.npy", "/outside.npy"])
def test_weights_that_lead_outside_are_refused(tmp_path: Path, member: str) -> None:
    path = tmp_path / "params.npz"
    with pytest.raises(ModelError, match="nothing under that name"):
        checked_weights(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, b"")
    with pytest.raises(ModelError, match="files inside the archive"):
        checked_weights(path)


@pytest.mark.parametrize("damage", ["header", "offsets", "type"])
def test_safetensors_that_do_not_fit_are_refused(tmp_path: Path, damage: str) -> None:
    offsets = [4, 12] if damage == "offsets" else [0, 8]
    kind = "F33" if damage == "type" else "F32"
    entry = {"dtype": kind, "shape": [2], "data_offsets": offsets}
    head = json.dumps({"w": entry}).encode()
    size = 2**40 if damage == "header" else len(head)
    (tmp_path / "w.safetensors").write_bytes(size.to_bytes(8, "little") + head + bytes(8))
    with pytest.raises(ValueError, match="safetensors"):
        read_weights(tmp_path / "w.safetensors", trusts_pickle=False)


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (("w", "b"), {"w": 0, "b": 1}),
        (("params/dense/w", "params/dense/b"), {"params": {"dense": {"w": 0, "b": 1}}}),
        (("layers.0.w", "layers.1.w", "out"), {"layers": [{"w": 0}, {"w": 1}], "out": 2}),
        (("blocks/1/w", "blocks/2/w"), {"blocks": {"1": {"w": 0}, "2": {"w": 1}}}),
        (("a", "a.b"), {"a": 0, "a.b": 1}),
        (("a.b", "a"), {"a.b": 0, "a": 1}),
        (("arr_0",), 0),
        (("arr_0", "arr_1"), [0, 1]),
    ],
)
def test_flat_names_become_the_tree_they_were_made_from(
    names: tuple[str, ...], first: object
) -> None:
    flat = {name: np.int64(at) for at, name in enumerate(names)}
    found = shapes_of(flat)
    assert found[0] == first
