"""What is done to raw images or sound before a model sees them."""

import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, final

import msgspec
import numpy as np

from tradewind.data.pictures import Resize, decode_image
from tradewind.errors import DataError, SettingError
from tradewind.tensors import Array, Datatype, Dimension, TensorSpec, describe


@final
@dataclass(frozen=True)
class Preprocessing:
    """The steps from raw examples to the numbers that the model was trained on.

    x = (raw / scale - mean) / std

    Raw images are uint8[N, H, W, C] with colours in the order red, green, blue; raw sound is
    int16[N, samples] (layout "N").

    Args:
        size: height and width that image files are resized to; None leaves them.
        channels: "RGB", "BGR" (the model takes blue first) or "L" (greyscale).
        layout: where the model has the channels; "N" has none and leaves the shape alone.
        scale: what raw values are divided by.
        mean: one number, or one a channel.
        std: one number, or one a channel.
        resize: how image files are resized.
        datatype: the element type that the model takes.

    Raises:
        SettingError: a value is outside its range.
    """

    size: tuple[int, int] | None = None
    channels: Literal["RGB", "BGR", "L"] = "RGB"
    layout: Literal["NCHW", "NHWC", "N"] = "NCHW"
    scale: float = 255.0
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    resize: Resize = "bilinear"
    datatype: Datatype = Datatype.FP32

    def __post_init__(self) -> None:
        numbers = sorted({1, 1 if self.layout == "N" else self.channel_count})
        for name, values in {"mean": self.mean, "std": self.std}.items():
            if len(values) not in numbers:
                expected = f"{' or '.join(map(str, numbers))} numbers"
                raise SettingError(f"preprocessing.{name}", expected, str(len(values)))
            if not all(math.isfinite(value) for value in values):
                raise SettingError(f"preprocessing.{name}", "finite numbers", str(values))
        if not all(value > 0 for value in self.std):
            raise SettingError("preprocessing.std", "numbers above 0", str(self.std))
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise SettingError("preprocessing.scale", "a number above 0", str(self.scale))
        if self.size is not None and min(self.size) < 1:
            raise SettingError("preprocessing.size", "1 or more pixels a side", str(self.size))
        if self.datatype in (Datatype.BYTES, Datatype.BOOL):
            raise SettingError("preprocessing.datatype", "a type of number", self.datatype)

    @property
    def channel_count(self) -> int:
        """How many channels a raw image has."""
        return 1 if self.channels == "L" else 3

    def apply(self, raw: Array) -> Array:
        """Return what the model takes.

        Args:
            raw: uint8[N, H, W, C], or int16[N, samples] with layout "N".

        Returns:
            An array of `datatype`, contiguous; integers are rounded and kept in range.
        """
        values = raw / np.float32(self.scale)
        if self.channels == "BGR" and self.layout != "N":
            values = values[..., ::-1]
        values = (values - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        if self.layout == "NCHW":
            values = values.transpose(0, 3, 1, 2)
        target = self.datatype.numpy
        if target.kind in "iu":
            bounds = np.iinfo(target)
            values = np.rint(values).clip(bounds.min, bounds.max)
        return np.ascontiguousarray(values, dtype=target)

    def decode(self, image: str | Path | bytes, where: str = "") -> Array:
        """Return a raw image, uint8[H, W, C], of a file or its content.

        Raises:
            DataError: no file, no image, damaged, or too large; see `decode_image`.
        """
        where = where or ("image" if isinstance(image, bytes) else str(image))
        try:
            content = image if isinstance(image, bytes) else Path(image).read_bytes()
        except OSError as error:
            raise DataError(where, "a readable file", error.strerror or str(error)) from error
        grey = self.channels == "L"
        return decode_image(content, grey=grey, size=self.size, resize=self.resize, where=where)

    def raw_spec(self, spec: TensorSpec) -> TensorSpec:
        """Return what raw examples for the input `spec` look like.

        Raises:
            DataError: `spec` is no input for this layout.
        """
        if self.layout == "N":
            return TensorSpec(spec.name, Datatype.INT16, spec.shape)
        channel_axis = self.layout.index("C")
        if len(spec.shape) != 4 or spec.shape[channel_axis] not in (self.channel_count, None):
            sizes: dict[str, Dimension] = {"N": "N", "H": "H", "W": "W", "C": self.channel_count}
            expected = describe(self.datatype, tuple(sizes[axis] for axis in self.layout))
            got = describe(spec.datatype, spec.shape)
            hint = "name the order of the axes with `layout=`, the colours with `channels=`."
            raise DataError(spec.name, expected, got, hint)
        rows, columns = (spec.shape[self.layout.index(axis)] for axis in "HW")
        if self.size is not None:
            rows, columns = self._meet(spec, rows, 0), self._meet(spec, columns, 1)
        shape = (spec.shape[0], rows, columns, self.channel_count)
        return TensorSpec(spec.name, Datatype.UINT8, shape)

    def _meet(self, spec: TensorSpec, wanted: Dimension, side: int) -> int:
        assert self.size is not None
        if isinstance(wanted, int) and wanted != self.size[side]:
            expected = f"{'height' if side == 0 else 'width'} {wanted}"
            raise DataError(spec.name, expected, f"size {self.size[0]}x{self.size[1]}")
        return self.size[side]

    def fitted(self, spec: TensorSpec) -> "Preprocessing":
        """Return the same steps with the element type, and where known the size, of `spec`."""
        size = self.size
        if size is None and self.layout != "N" and len(spec.shape) == 4:
            rows, columns = (spec.shape[self.layout.index(axis)] for axis in "HW")
            size = (rows, columns) if isinstance(rows, int) and isinstance(columns, int) else None
        return replace(self, size=size, datatype=spec.datatype)

    @classmethod
    def for_spec(cls, spec: TensorSpec) -> "Preprocessing":
        """Return the likeliest steps for an input: 0..255 to 0..1, sound to -1..1.

        Raises:
            DataError: the input takes neither images nor sound.
        """
        is_float = spec.datatype.value.startswith(("FP", "BF"))
        if len(spec.shape) == 2 and is_float:
            return cls(layout="N", scale=32768.0, datatype=spec.datatype)
        if len(spec.shape) != 4 or spec.datatype in (Datatype.BYTES, Datatype.BOOL):
            raise _no_image(spec)
        first, last = spec.shape[1] in (1, 3), spec.shape[3] in (1, 3)
        if not first and not last:
            raise _no_image(spec)
        axis = 1 if first else 3
        rows, columns = spec.shape[2:4] if first else spec.shape[1:3]
        return cls(
            size=(rows, columns) if isinstance(rows, int) and isinstance(columns, int) else None,
            channels="L" if spec.shape[axis] == 1 else "RGB",
            layout="NCHW" if first else "NHWC",
            scale=255.0 if is_float else 1.0,
            datatype=spec.datatype,
        )

    @classmethod
    def parse(cls, text: str, base: "Preprocessing | None" = None) -> "Preprocessing":
        """Read settings from inline text, JSON, or the name of a JSON file.

        Inline text looks like `mean=.485,.456,.406;std=.229,.224,.225;size=32x32;layout=nchw`.

        Args:
            text: the settings, or where they are.
            base: supplies what is not mentioned, usually `Preprocessing.for_spec(input)`.

        Raises:
            SettingError: an unknown setting, a value of the wrong kind, or an unreadable file.
        """
        values = _read_json(text) if "=" not in text or text.lstrip()[:1] == "{" else _pairs(text)
        known = [field.name for field in fields(cls)]
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise SettingError("preprocessing", f"one of {', '.join(known)}", unknown[0])
        merged = msgspec.to_builtins(base or cls()) | values
        try:
            return msgspec.convert(merged, cls, strict=False)
        except msgspec.ValidationError as error:
            cause = error.__cause__
            if isinstance(cause, SettingError):
                raise cause from None
            raise SettingError("preprocessing", "values as documented", str(error)) from error


def image_input(inputs: tuple[TensorSpec, ...]) -> TensorSpec:
    """Return the input that preprocessing belongs to: the only one, or the only image.

    Raises:
        DataError: it cannot be told.
    """
    likely = inputs if len(inputs) == 1 else [spec for spec in inputs if len(spec.shape) == 4]
    if len(likely) != 1:
        listed = ", ".join(map(str, inputs))
        raise DataError("preprocessing", "a model with one image input", listed)
    return likely[0]


def _no_image(spec: TensorSpec) -> DataError:
    return DataError(
        spec.name,
        "images of 1 or 3 channels [N, C, H, W] or [N, H, W, C], or sound [N, samples]",
        describe(spec.datatype, spec.shape),
        "give model-ready arrays as `.npz` instead.",
    )


def _pairs(text: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            hint = "write `mean=.5;std=.25;size=32x32`."
            raise SettingError("preprocessing", "name=value, separated by `;`", part, hint)
        values[name.lower()] = _value(name.lower(), value)
    return values


def _value(name: str, value: str) -> Any:
    if name in ("mean", "std"):
        return [_number(name, item) for item in value.split(",")]
    if name == "scale":
        return _number(name, value)
    if name == "size":
        return value.lower().split("x")
    if name in ("layout", "channels", "datatype"):
        return value.upper()
    return value.lower()


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SettingError(f"preprocessing.{name}", "a number", repr(text)) from error


def _read_json(text: str) -> dict[str, Any]:
    try:
        is_inline = text.lstrip().startswith("{")
        values = json.loads(text if is_inline else Path(text).read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "or write the settings themselves, as in `mean=.5;std=.25`."
        raise SettingError(
            "preprocessing", "the name of a JSON file", f"{text} ({reason})", hint
        ) from error
    except ValueError as error:
        raise SettingError("preprocessing", "JSON", str(error)) from error
    if not isinstance(values, dict):
        raise SettingError("preprocessing", "a JSON object", type(values).__name__)
    return values
