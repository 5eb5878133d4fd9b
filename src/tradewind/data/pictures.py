"""Image files, decoded safely."""

import io
from typing import Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from tradewind.errors import DataError
from tradewind.tensors import Array

MAX_PIXELS = 64 * 2**20
"""A larger image is refused before it is unpacked."""

# others run programs (EPS) or hold numbers that are no brightness (FITS)
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")

Resize = Literal["nearest", "box", "bilinear", "bicubic", "lanczos"]


def decode_image(
    content: bytes,
    *,
    grey: bool,
    size: tuple[int, int] | None,
    resize: Resize,
    where: str,
) -> Array:
    """Return the first frame of an image file, stored orientation, transparency dropped.

    Args:
        content: the bytes of the file.
        grey: one channel of brightness instead of red, green, blue.
        size: height and width to resize to, without regard to the aspect ratio.
        resize: how.
        where: the file's name for messages.

    Returns:
        uint8[H, W, 1 or 3].

    Raises:
        DataError: no image, damaged, of more than 8 bits a channel, or above `MAX_PIXELS`.
    """
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
            _check_image(image, where)
            plain = image.convert("L" if grey else "RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(where, "far more") from error
    except UnidentifiedImageError as error:
        kinds = ", ".join(_FORMATS)
        raise DataError(where, f"an image ({kinds})", "something else") from error
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever a damaged file drives them to
        raise DataError(where, "a whole image", f"a damaged one ({error})") from error
    if size is not None and (plain.height, plain.width) != size:
        plain = plain.resize((size[1], size[0]), Image.Resampling[resize.upper()])
    pixels = np.asarray(plain, np.uint8)
    return pixels.reshape(plain.height, plain.width, 1 if grey else 3)


def _check_image(image: Image.Image, where: str) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(where, f"{image.width} x {image.height}")
    if image.mode.startswith(("I", "F")):
        raise DataError(
            where,
            "at most 8 bits a channel",
            f"an image of mode {image.mode}",
            "scale it to 8 bits, or give the numbers as `.npz`.",
        )


def _too_large(where: str, got: str) -> DataError:
    return DataError(where, f"at most {MAX_PIXELS} pixels", got, "make the image smaller.")
