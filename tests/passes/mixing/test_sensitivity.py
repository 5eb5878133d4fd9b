"""Which layers int8 ruins, found without labels."""

from pathlib import Path

import numpy as np
import pytest
from tests.passes.mixing.nets import chain, examples

from tradewind.model import Model, Origin
from tradewind.passes import Observed, Pass, QuantizeNNCF, QuantizeStatic, RevertLayers
from tradewind.passes.mixing import Switched, sensitivity


def _switched(
    random: np.random.Generator, depth: int, fragile: int, step: Pass
) -> tuple[Switched, Model, Model]:
    original = chain(random, depth, fragile)
    quantized = step.apply(original, examples(random)).model
    return Switched(quantized, original, examples(random)), quantized, original


@pytest.mark.parametrize("step", [QuantizeStatic(), QuantizeNNCF()], ids=lambda step: step.label)
def test_the_fragile_layer_does_most_damage(step: Pass, random: np.random.Generator) -> None:
    fragile = int(random.integers(1, 4))
    switched, *_ = _switched(random, 4, fragile, step)
    found = sensitivity(switched)
    worst = max(found.damage, key=lambda name: found.damage[name])
    assert worst == f"dense{fragile}"
    assert found.total > 0.5 * found.damage[worst] > 0
    assert switched.divergence([worst]) < 0.1 * found.total


def test_among_many_layers_it_is_found_with_few_runs(random: np.random.Generator) -> None:
    fragile = int(random.integers(1, 40))
    switched, *_ = _switched(random, 40, fragile, QuantizeStatic())
    found = sensitivity(switched, 30)
    assert found.runs <= 30
    assert len(found.damage) == 40
    assert max(found.damage, key=lambda name: found.damage[name]) == f"dense{fragile}"


def test_when_time_runs_out_what_was_measured_stands(random: np.random.Generator) -> None:
    switched, *_ = _switched(random, 6, 1, QuantizeStatic())
    left = iter([True, True, False, False, False, False])
    found = sensitivity(switched, has_time=lambda: next(left))
    assert found.damage["dense1"] > 0
    assert [found.damage[f"dense{index}"] for index in range(2, 6)] == [0, 0, 0, 0]


def test_the_same_examples_give_the_same_damage(random: np.random.Generator) -> None:
    _, quantized, original = _switched(random, 5, 2, QuantizeStatic())
    inputs = examples(random)
    both = [sensitivity(Switched(quantized, original, inputs)) for _ in range(2)]
    assert both[0] == both[1]


def test_all_layers_in_float_are_the_original(random: np.random.Generator) -> None:
    switched, *_ = _switched(random, 3, 1, QuantizeStatic())
    assert switched.divergence([layer.name for layer in switched.layers]) == 0


def test_switches_tell_what_the_returned_graph_will_answer(random: np.random.Generator) -> None:
    switched, quantized, original = _switched(random, 5, 2, QuantizeStatic())
    names = [layer.name for layer in switched.layers]
    chosen = tuple(name for name in names if random.random() < 0.5) or (names[0],)
    back = RevertLayers(chosen).apply(quantized, Observed({}, original)).model
    inputs = examples(random)
    one = Switched(quantized, original, inputs).divergence(chosen)
    other = Switched(back, original, inputs).divergence(())
    # a sum in another order may fall on the next of 255 steps
    assert one == pytest.approx(other, rel=0.1, abs=1e-9)


def test_what_a_logarithm_depends_on_is_found_in_a_keyword_spotter(shared_data: Path) -> None:
    content = (shared_data / "kwt1" / "kwt1_wave.onnx").read_bytes()
    original = Model(content, Origin("onnx", "kwt1_wave.onnx"))
    with np.load(shared_data / "speech_commands" / "test_1980.npz") as archive:
        waves = archive["x"][:12].astype(np.float32) / 32768
    step = QuantizeStatic(examples=4, front_end="int8")
    quantized = step.apply(original, Observed({"wave": waves})).model
    switched = Switched(quantized, original, Observed({"wave": waves[8:]}))
    found = sensitivity(switched, 32)
    worst = sorted(switched.layers, key=lambda layer: -found.damage[layer.name])[:3]
    read = {edge.value.removesuffix("_in_float") for layer in worst for edge in layer.edges}
    # both halves of the Fourier transform, and the sums over the bands of the spectrum
    assert {"rdft_re.weight", "rdft_im.weight", "mel.weight"} <= read
    assert found.total > 0.3, "the answers have little to do with the original's"
    assert switched.divergence([layer.name for layer in worst]) < 0.1 * found.total
