from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from tests.cases import CASES
from tests.cases.building import graph, normal, weight
from tests.cases.cifar import PREPROCESSING, cifar_model, load_cifar, share_right

from tradewind.engines import OnnxRuntime, OpenVINO
from tradewind.errors import PassError, SettingError
from tradewind.model import Model, Origin
from tradewind.passes import Observed, PruneChannels, compare
from tradewind.passes.pruning.coupling import couple
from tradewind.passes.pruning.importance import Rule, importance
from tradewind.passes.pruning.stopwatch import Stopwatch
from tradewind.passes.pruning.widths import Allocation, macs, steps
from tradewind.tensors import Array


def _network(random: np.random.Generator) -> Model:
    """Return two convolutions of 16 channels between others; one passes through a residual sum."""
    proto = graph(
        [
            helper.make_node("Conv", ["image", "k1", "b1"], ["c1"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c1"], ["r1"]),
            helper.make_node("Conv", ["r1", "k2", "b2"], ["c2"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c2"], ["r2"]),
            helper.make_node("Conv", ["r2", "k3"], ["c3"]),
            helper.make_node("Add", ["c3", "r1"], ["sum"]),
            helper.make_node("GlobalAveragePool", ["sum"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("Gemm", ["f", "w"], ["logits"]),
        ],
        {"image": (np.float32, ("N", 3, 6, 6))},
        {"logits": (np.float32, ("N", 4))},
        {
            "k1": weight(random, 16, 3, 3, 3), "b1": normal(random, 16),
            "k2": weight(random, 16, 16, 3, 3),
            "b2": random.uniform(0.5, 1.0, 16).astype(np.float32),
            "k3": weight(random, 16, 16, 1, 1), "w": weight(random, 16, 4),
        },
    )  # fmt: skip
    return Model.from_proto(proto, Origin("onnx", "network.onnx"))


def _with(model: Model, **weights: Array) -> Model:
    proto = model.to_proto()
    for tensor in proto.graph.initializer:
        if tensor.name in weights:
            from_array = np.asarray(weights[tensor.name], np.float32)
            tensor.raw_data = from_array.tobytes()
    return model.with_proto(proto)


def _weight(model: Model, name: str) -> Array:
    tensor = model.graph.graph.initializers[name].const_value
    assert tensor is not None
    return np.array(tensor.numpy())


def _images(random: np.random.Generator, examples: int = 100) -> dict[str, Array]:
    return {"image": normal(random, examples, 3, 6, 6)}


@pytest.mark.parametrize("rule", ["magnitude", "activation", "reconstruction"])
def test_channels_that_are_nothing_go_first(rule: Rule, random: np.random.Generator) -> None:
    model = _network(random)
    kernel, bias = _weight(model, "k2"), _weight(model, "b2")
    silent = random.choice(16, 8, replace=False)
    kernel[silent] *= 1e-3
    bias[silent] *= 1e-3
    model = _with(model, k2=kernel, b2=bias)
    coupling = couple(model, _images(random, 2), heads=True)
    scores = importance(model, coupling, [_images(random)], rule)
    group = next(
        one for one in coupling.groups if ("k2", 0) in one.weights and len(one.weights) == 3
    )
    order = sorted(range(16), key=lambda at: scores[int(group.channels[at])])
    assert set(order[:8]) == set(silent.tolist())


def test_a_channel_that_others_make_up_for_costs_nothing(random: np.random.Generator) -> None:
    model = _network(random)
    kernel, bias = _weight(model, "k2"), _weight(model, "b2")
    kernel[5], bias[5] = kernel[9], bias[9]  # 5 and 9 say the same
    model = _with(model, k2=kernel, b2=bias)
    coupling = couple(model, _images(random, 2), heads=True)
    scores = importance(model, coupling, [_images(random, 300)], "reconstruction")
    group = next(
        one for one in coupling.groups if ("k2", 0) in one.weights and len(one.weights) == 3
    )
    order = sorted(range(16), key=lambda at: scores[int(group.channels[at])])
    assert set(order[:2]) == {5, 9}


@pytest.mark.parametrize("allocation", ["uniform", "macs"])
@pytest.mark.parametrize("keep", [0.3, 0.6])
def test_the_cost_falls_to_what_was_asked_and_not_much_lower(
    allocation: str, keep: float, random: np.random.Generator
) -> None:
    model, seen = _network(random), _images(random)
    step = PruneChannels(keep=keep, multiple=1, allocation=allocation)  # type: ignore[arg-type]
    smaller = step.apply(model, Observed(seen)).model
    before, after = (couple(one, _images(random, 2), heads=True) for one in (model, smaller))
    left = after.macs(after.keeping(())) / before.macs(before.keeping(()))
    assert keep - 0.12 < left <= keep


def test_what_is_cut_where_it_loses_least_loses_less(random: np.random.Generator) -> None:
    model, seen = _network(random), _images(random, 300)
    kernel = _weight(model, "k3")
    kernel[:, ::2] *= 0.01  # half of what the inner channels say is hardly heard
    model = _with(model, k3=kernel)
    with OnnxRuntime().compile(model) as runner:
        wanted = runner(seen)
    losses = []
    for allocation in ("uniform", "macs"):
        step = PruneChannels(keep=0.55, multiple=1, allocation=allocation)
        with OnnxRuntime().compile(step.apply(model, Observed(seen)).model) as runner:
            losses.append(compare(wanted, runner(seen)).relative)
    assert losses[1] < 0.8 * losses[0]


def test_numbers_of_channels_are_multiples_where_they_can_be() -> None:
    assert steps(32, 8) == [8, 16, 24, 32]
    assert steps(20, 8) == [8, 16, 20]
    assert steps(8, 8) == [4, 8]
    assert steps(2, 8) == [1, 2]
    assert steps(3, 1) == [1, 2, 3]


def test_the_multiplications_of_a_choice_are_those_of_the_cut_graph(
    random: np.random.Generator,
) -> None:
    model = _network(random)
    coupling = couple(model, _images(random, 2), heads=True)
    scores = {int(label): 1.0 for group in coupling.groups for label in group.channels}
    for keep in (0.2, 0.5, 0.8):
        widths = Allocation(coupling, scores, 1, macs).uniform(keep)
        gone = {
            int(label)
            for group, width in zip(coupling.groups, widths, strict=True)
            for label in group.channels[width:]
        }
        kept = coupling.keeping(gone)
        assert coupling.macs(kept) <= keep * coupling.macs(coupling.keeping(()))


def test_time_is_taken_of_the_size_that_is_asked_for(random: np.random.Generator) -> None:
    model = _network(random)
    coupling = couple(model, _images(random, 8), heads=True)
    watch = Stopwatch(OnnxRuntime(threads=1), coupling.trace)
    for product in coupling.products:
        assert watch(product, len) > 0
        assert watch(product, lambda labels: max(1, len(labels) // 2)) > 0
        # each size is timed once
        assert watch(product, len) == watch(product, len)


def test_repair_makes_up_for_some_of_what_was_lost(random: np.random.Generator) -> None:
    model, seen = _network(random), _images(random, 400)
    with OnnxRuntime().compile(model) as runner:
        wanted = runner(seen)
    losses = []
    for repairs in (False, True):
        change = PruneChannels(keep=0.5, repairs=repairs).apply(model, Observed(seen))
        with OnnxRuntime().compile(change.model) as runner:
            losses.append(compare(wanted, runner(seen)).relative)
    assert losses[1] < 0.8 * losses[0]


def test_a_model_without_channels_is_refused(random: np.random.Generator) -> None:
    case = next(case for case in CASES if case.name == "score")
    with pytest.raises(PassError, match=r"score\.onnx: expected channels that can be cut"):
        PruneChannels().apply(case.model, Observed(case.draw(random, 20)))


@pytest.mark.parametrize(
    "settings",
    [{"keep": 0.0}, {"keep": 1.0}, {"multiple": 0}, {"examples": 0}, {"ridge": 0.0}],
)
def test_a_setting_outside_its_range_is_named(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"^{next(iter(settings))}: expected"):
        PruneChannels(**settings)  # type: ignore[arg-type]


def test_resnet20_keeps_most_of_its_answers_with_two_thirds_of_its_multiplications(
    shared_data: Path,
) -> None:
    model = cifar_model(shared_data, "resnet20")
    with np.load(shared_data / "cifar10" / "train_20k.npz") as archive:
        seen = Observed({"input": PREPROCESSING.apply(archive["x"][:300])})
    change = PruneChannels(keep=0.67, allocation="macs", multiple=4).apply(model, seen)
    images, labels = load_cifar(shared_data, 1000)
    exact = share_right(OpenVINO(), model, images, labels)
    assert share_right(OpenVINO(), change.model, images, labels) > exact - 0.08


def test_a_real_transformer_loses_half_of_its_inner_widths_exactly(shared_data: Path) -> None:
    content = (shared_data / "kwt1" / "kwt1_feat.onnx").read_bytes()
    model = Model(content, Origin("onnx", "kwt1_feat.onnx"))
    random = np.random.default_rng(0)
    seen: dict[str, Array] = {"feat": normal(random, 16, 98, 40)}
    # the pass itself compares the cut graph with the whole one whose channels are silent
    change = PruneChannels(keep=0.6, repairs=False).apply(model, Observed(seen))
    assert "60% of MACs left" in change.summary or "59% of MACs left" in change.summary
    with OpenVINO().compile(change.model) as runner:
        assert np.isfinite(runner(seen)["logits"]).all()
