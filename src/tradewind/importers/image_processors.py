"""What comes before a Hugging Face model, as our preprocessing where that does the same."""

from typing import Any

from tradewind.data import Preprocessing
from tradewind.data.pictures import Resize

_RESIZES: dict[Any, Resize] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "box",
}
"""Pillow's numbers for them."""


def preprocessing_of(settings: dict[str, Any], name: str) -> tuple[Preprocessing | None, str]:
    """Return the preprocessing that does exactly what a processor does, or why there is none.

    Args:
        settings: the content of `preprocessor_config.json`.
        name: the input that it is for.
    """
    if name == "pixel_values":
        return _of_images(settings)
    if name == "input_values" and "num_mel_bins" not in settings:
        if settings.get("do_normalize", True):
            return None, (
                "the feature extractor scales each recording to mean 0 and deviation 1, which is "
                "left to the caller"
            )
        return Preprocessing(layout="N", scale=32768.0), ""
    return None, "the feature extractor computes spectrograms, which is left to the caller"


def _of_images(settings: dict[str, Any]) -> tuple[Preprocessing | None, str]:
    size = settings.get("size")
    if isinstance(size, int):
        size = {"height": size, "width": size}
    if not settings.get("do_resize", True):
        size = None
    mean, std = settings.get("image_mean"), settings.get("image_std")
    if not settings.get("do_normalize", True):
        mean, std = [0.0], [1.0]
    resize = _RESIZES.get(settings.get("resample", 2))
    obstacles = {
        "crops the middle": settings.get("do_center_crop") or "crop_pct" in settings,
        "keeps the aspect ratio": size is not None and not {"height", "width"} <= {*size},
        "pads": settings.get("do_pad"),
        "swaps channels": settings.get("do_flip_channel_order"),
        "resizes in a way of its own": resize is None,
        "does not say its mean": not isinstance(mean, list) or not isinstance(std, list),
    }
    for what, is_one in obstacles.items():
        if is_one:
            return None, f"the image processor {what}, which is left to the caller"
    assert resize is not None
    factor = settings.get("rescale_factor", 1 / 255) if settings.get("do_rescale", True) else 1.0
    return Preprocessing(
        size=None if size is None else (size["height"], size["width"]),
        scale=1 / factor,
        mean=tuple(mean or ()),
        std=tuple(std or ()),
        resize=resize,
    ), ""
