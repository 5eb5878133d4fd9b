"""Operators that read or write elements at places."""

import numpy as np

from .arithmetic import Converter
from .rearranging import flat_int64, int64
from .writing import Operation

_FAR = np.iinfo(np.int64).max


def gather(op: Operation) -> str:
    """Pick slices along an axis; several leading axes may pair off."""
    axis = int(op.constant(2, "an axis").item())
    pairs = int(op.attributes.get("batch_dims", 0))
    rank = op.rank(1)
    pairs += rank if pairs < 0 else 0
    if not pairs:
        return str(op.add("Gather", [op.name(0), op.name(1)], axis=axis))
    axis += op.rank(0) if axis < 0 else 0
    if op.rank(0) == rank == pairs + 1 == axis + 1:
        return str(op.add("GatherElements", [op.name(0), int64(op, 1)], axis=axis))
    if axis == pairs:
        last = op.add("Unsqueeze", [int64(op, 1), op.value([-1], np.int64)])
        return str(op.add("GatherND", [op.name(0), last], batch_dims=pairs))
    raise op.refused("an axis right after the paired ones", f"axis {axis} after {pairs}")


def gather_elements(op: Operation) -> str:
    """Pick single elements along an axis."""
    return str(op.add("GatherElements", op.names, axis=int(op.attributes["axis"])))


def gather_nd(op: Operation) -> str:
    """Pick by coordinates."""
    pairs = int(op.attributes.get("batch_dims", 0))
    if pairs > 1 and op.node.get_type_info().version_id == "opset5":
        raise op.refused("at most one paired dimension", f"{pairs}")
    return str(op.add("GatherND", [op.name(0), int64(op, 1)], batch_dims=pairs or None))


def scatter_elements(op: Operation) -> str:
    """Write single elements along an axis."""
    rule = str(op.attributes.get("reduction", "none")).lower()
    if rule not in ("none", "sum", "prod") or not op.attributes.get("use_init_val", True):
        raise op.refused("elements that replace, or are added or multiplied", rule)
    axis = int(op.constant(3, "an axis").item())
    names = [op.name(0), int64(op, 1), op.name(2)]
    wanted = {"none": None, "sum": "add", "prod": "mul"}[rule]
    return str(op.add("ScatterElements", names, axis=axis, reduction=wanted))


def scatter_nd(op: Operation) -> str:
    """Write by coordinates."""
    rule = str(op.attributes.get("reduction", "none")).lower()
    if rule not in ("none", "sum", "prod"):
        raise op.refused("elements that replace, or are added or multiplied", rule)
    wanted = {"none": None, "sum": "add", "prod": "mul"}[rule]
    return str(op.add("ScatterND", [op.name(0), int64(op, 1), op.name(2)], reduction=wanted))


def scatter_update(op: Operation) -> str:
    """Write whole slices along an axis, the first one only."""
    axis = int(op.constant(3, "an axis").item())
    if axis not in (0, -op.rank(0)) or op.rank(1) != 1:
        raise op.refused("slices along the first axis", f"axis {axis}")
    places = op.add("Unsqueeze", [int64(op, 1), op.value([-1], np.int64)])
    return str(op.add("ScatterND", [op.name(0), places, op.name(2)]))


def one_hot(op: Operation) -> str:
    """Mark one of several places."""
    places = int64(op, 0)
    rule = str(op.attributes.get("negative_indices_mode", "ignore_negative")).lower()
    if rule == "ignore_negative":
        # ONNX would count them from the end
        outside = op.add("Less", [places, op.value(0, np.int64)])
        places = op.add("Where", [outside, op.value(_FAR, np.int64), places])
    values = [op.add("Reshape", [op.name(index), op.value([1], np.int64)]) for index in (3, 2)]
    marks = op.add("Concat", values, axis=0)
    return str(op.add("OneHot", [places, int64(op, 1), marks], axis=int(op.attributes["axis"])))


def non_zero(op: Operation) -> str:
    """Return where elements are not zero."""
    found = op.add("NonZero", [op.name(0)])
    return str(found) if op.output_type() == "i64" else op.cast(found, op.output_type())


def top_k(op: Operation) -> list[str]:
    """Return the largest or smallest elements with their places."""
    count = flat_int64(op, 1)
    # ONNX knows sorted and unsorted; in the order of places it has none
    if str(op.attributes.get("sort", "value")).lower() == "index":
        raise op.refused("elements sorted by value", "sorted by place")
    largest = int(str(op.attributes["mode"]).lower() == "max")
    axis = int(op.attributes["axis"])
    values, places = op.add("TopK", [op.name(0), count], 2, axis=axis, largest=largest)
    kind = op.output_type(1)
    return [values, places if kind == "i64" else op.cast(places, kind)]


def equal_places(op: Operation) -> str:
    """Return in which interval each number lies."""
    limits = op.name(1)
    apart = op.add("Unsqueeze", [op.name(0), op.value([-1], np.int64)])
    is_right = bool(op.attributes.get("with_right_bound", True))
    beyond = op.add("Greater" if is_right else "GreaterOrEqual", [apart, limits])
    count = op.add("ReduceSum", [op.cast(beyond, "i64"), op.value([-1], np.int64)], keepdims=0)
    return op.cast(count, op.output_type())


def reverse_sequence(op: Operation) -> str:
    """Turn each example's first elements around."""
    axes = {
        "batch_axis": int(op.attributes["batch_axis"]),
        "time_axis": int(op.attributes["seq_axis"]),
    }
    if sorted(axes.values()) != [0, 1]:
        raise op.refused("examples and time in the first two dimensions", str(axes))
    return str(op.add("ReverseSequence", [op.name(0), flat_int64(op, 1)], **axes))


PICKING: dict[str, Converter] = {
    "Gather": gather, "GatherElements": gather_elements, "GatherND": gather_nd,
    "ScatterElementsUpdate": scatter_elements, "ScatterNDUpdate": scatter_nd,
    "ScatterUpdate": scatter_update, "OneHot": one_hot, "NonZero": non_zero, "TopK": top_k,
    "Bucketize": equal_places, "ReverseSequence": reverse_sequence,
}  # fmt: skip
