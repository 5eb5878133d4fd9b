"""What is worth trying on a model, in the order in which it pays most often."""

import re
from dataclasses import dataclass, replace

from tradewind.engines import ENGINES, Engine, OneDAL, OnnxRuntime, OpenVINO
from tradewind.engines.ensembles import OPERATORS as TREES
from tradewind.measure import Hardware
from tradewind.model import Model
from tradewind.passes import (
    Distil,
    DropBlocks,
    Pass,
    PruneChannels,
    PruneTrees,
    QuantizeDynamic,
    QuantizeNNCF,
    QuantizeStatic,
    QuantizeWeights,
    RevertLayers,
)
from tradewind.search.settings import Effort

_WEIGHTED = ("Conv", "ConvTranspose", "MatMul", "Gemm", "LSTM", "GRU", "Attention")

_FEW = 100
"""Examples to calibrate attention on in a short search: NNCF looks at them again and again."""

_PRODUCTS = {"MatMul", "Gemm", "Einsum"}
_ATTENTION = {"Attention", "MultiHeadAttention", "GroupQueryAttention"}

Cut = PruneChannels | PruneTrees | DropBlocks
"""Passes that keep a share of something."""
_PARTS: dict[type[Pass], str] = {
    PruneChannels: "channels",
    PruneTrees: "trees",
    DropBlocks: "blocks",
}

_STORED = {"MatMul", "Gemm", "Gather", "LSTM", "GRU"}
"""Operators whose weights alone may be quantized."""


@dataclass(frozen=True)
class Graph:
    """A model after some passes."""

    steps: tuple[Pass, ...]
    model: Model
    summary: str
    known_exact: bool | None = None  # said where the steps are not known any more

    @property
    def is_exact(self) -> bool:
        """Whether the answers equal the original's up to rounding."""
        if self.known_exact is not None:
            return self.known_exact
        return all(step.is_lossless for step in self.steps)

    @property
    def label(self) -> str:
        """What was done, short enough for a table."""
        lossy = _told([step for step in self.steps if not step.is_lossless])
        lossless = [short(step) for step in self.steps if step.is_lossless]
        return ", ".join(lossy or lossless) or "original"


def _told(steps: list[Pass]) -> list[str]:
    """Return the names of passes, with what was cut several times told once."""
    kept: dict[str, float] = {}
    others = dict.fromkeys(short(step) for step in steps if not isinstance(step, Cut))
    for step in steps:
        if isinstance(step, Cut):
            what = _PARTS[type(step)]
            kept[what] = kept.get(what, 1.0) * step.keep
    return [*(f"{100 * share:.3g}% of {what}" for what, share in kept.items()), *others]


def short(step: Pass) -> str:
    """Return a name for a table; passes of one search that share it do not exist."""
    if isinstance(step, Cut):
        return f"{100 * step.keep:.3g}% of {_PARTS[type(step)]}"
    if isinstance(step, RevertLayers):
        return f"{len(step.layers)} layers in float"
    return "trained" if isinstance(step, Distil) else step.label


def quantizers(
    model: Model, effort: Effort, hardware: Hardware, *, is_hurried: bool = False
) -> tuple[Pass, ...]:
    """Return the quantizing passes worth trying on this model and this machine.

    Args:
        model: what would be quantized.
        effort: quick tries the likeliest, thorough all.
        hardware: decides how the range of weights must be kept.
        is_hurried: whether time is too short for passes that take long with many examples.
    """
    kinds = {node.op_type for node in model.graph.graph.all_nodes()}
    if not kinds & set(_WEIGHTED):
        return ()
    numbers = _Numbers.of(hardware)
    is_transformer = attends(model)
    has_convolution = "Conv" in kinds
    has_dense = bool(kinds & {"MatMul", "Gemm", "LSTM", "Attention"})
    nncf = QuantizeNNCF(is_transformer=is_transformer, reduce_range=numbers.saturates)
    if is_transformer and is_hurried:
        nncf = replace(nncf, examples=_FEW)
    fine, plain = numbers.first, replace(numbers.first, calibration="minmax")
    # what takes a sixth of the time goes first, but for attention, which NNCF knows how to spare
    found: list[Pass] = [nncf, fine] if is_transformer else [fine, nncf]
    dynamic = QuantizeDynamic(reduce_range=numbers.saturates)
    if is_transformer and numbers.saturates:
        found = [dynamic, fine, nncf]  # without dot products the others rarely pay
    elif has_dense and not (has_convolution and effort == "quick"):
        found.append(dynamic)
    if effort == "quick":
        return tuple(found)
    found += [replace(nncf, preset="mixed"), plain]
    if is_transformer:
        found.append(replace(fine, smooths=True))
    if has_convolution:
        found.append(replace(fine, corrects_biases=True))
    elif kinds & _STORED:
        found.append(QuantizeWeights())
    if effort == "normal":
        return tuple(found)
    found += [
        replace(nncf, fast_bias_correction=False),
        *(() if has_convolution else (replace(fine, corrects_biases=True),)),
        replace(fine, calibration="percentile"),
        replace(fine, calibration="entropy"),
        replace(fine, per_channel=False),
        *numbers.others,
        replace(nncf, front_end="int8"),
    ]
    if is_transformer:
        found.append(replace(nncf, is_transformer=False))
    if has_dense:
        found.append(QuantizeWeights(weights="s4", block="32"))
    return tuple(found)


def attends(model: Model) -> bool:
    """Say whether a model holds attention: shares of Softmax that are multiplied with values."""
    ahead = [
        value
        for node in model.graph.graph.all_nodes()
        if node.op_type == "Softmax"
        for value in node.outputs
    ]
    seen = set(ahead)
    while ahead:
        for node, _ in ahead.pop().uses():
            if node.op_type in _PRODUCTS:
                return True
            ahead += [value for value in node.outputs if value not in seen]
            seen.update(node.outputs)
    return any(node.op_type in _ATTENTION for node in model.graph.graph.all_nodes())


@dataclass(frozen=True)
class _Numbers:
    """Which whole numbers suit the processor.

    Where sums of products saturate, weights get seven bits, or are unsigned, for which slower
    kernels add in 32. ARM multiplies signed numbers only.
    """

    saturates: bool
    first: QuantizeStatic
    others: tuple[QuantizeStatic, ...]  # combinations that may be more exact

    @classmethod
    def of(cls, hardware: Hardware) -> "_Numbers":
        """Return those of a machine."""
        isa = set(hardware.isa)
        saturates = hardware.saturates
        unsigned = QuantizeStatic(calibration="mse", reduce_range=saturates)
        signed = replace(unsigned, activations="s8", is_symmetric=True)
        both = (unsigned, signed)
        if isa & {"dotprod", "i8mm"}:
            both = both[::-1]
        wide = (replace(unsigned, weights="u8", reduce_range=False),) if saturates else ()
        return cls(saturates, both[0], (both[1], *wide))


def engine_options(
    graph: Graph,
    hardware: Hardware,
    batch_sizes: tuple[int, ...],
    *,
    is_throughput: bool,
    is_tiny: bool,
) -> list[list[Engine]]:
    """Return the engines to try on a graph: one list for every arithmetic, its settings inside.

    Engines of one list give the same answers up to the order of summation; the fastest of each
    list is looked at further.

    Args:
        graph: what would run.
        hardware: how many cores there are.
        batch_sizes: for which code of their own is worth compiling.
        is_throughput: whether answers per second count, for which cores may work side by side.
        is_tiny: whether the model is so small that one thread may be faster than two.
    """
    cores = hardware.cores
    threads = [0, 1] if cores > 1 and (is_tiny or is_throughput) else [0]
    streams = [1, cores] if cores > 1 and is_throughput else [1]
    options: list[list[Engine]] = [[OnnxRuntime(threads=count) for count in threads]]
    # what int8 leaves in float is worth computing in bf16 where it is much: in attention
    mixes = (
        graph.is_exact
        or any(isinstance(step, RevertLayers) for step in graph.steps)
        or attends(graph.model)
    )
    precisions = [one for one in OpenVINO.precisions() if one == "f32" or mixes]
    for precision in precisions:
        settings: list[Engine] = [
            OpenVINO(precision, streams=count, batch_sizes=batch_sizes) for count in streams
        ]
        if is_tiny and cores > 1 and not is_throughput:
            settings.append(OpenVINO(precision, threads=1, batch_sizes=batch_sizes))
        options.append(settings)
    if OneDAL in ENGINES and any(
        node.op_type in TREES for node in graph.model.graph.graph.all_nodes()
    ):
        options.append([OneDAL()])
    return options


def variant_name(graph: Graph, engine: Engine) -> str:
    """Return a name that can be typed, such as `int8-nncf-openvino`."""
    parts = [graph.label, engine.name]
    if isinstance(engine, OpenVINO) and engine.precision != "f32":
        parts.append(engine.precision)
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")
