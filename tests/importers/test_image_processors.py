import pytest

from tradewind.data import Preprocessing
from tradewind.importers.image_processors import preprocessing_of

VIT = {
    "do_resize": True,
    "size": {"height": 24, "width": 32},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.1, 0.2, 0.3],
}


def test_a_plain_image_processor_is_a_preprocessing() -> None:
    steps, remark = preprocessing_of(VIT, "pixel_values")
    assert steps == Preprocessing(
        size=(24, 32), mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3), resize="bicubic"
    )
    assert not remark


def test_steps_that_are_switched_off_are_left_out() -> None:
    off = {"do_resize": False, "do_rescale": False, "do_normalize": False}
    steps, _ = preprocessing_of({**VIT, **off}, "pixel_values")
    assert steps == Preprocessing(scale=1.0, resize="bicubic")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"do_center_crop": True}, "crops the middle"),
        ({"crop_pct": 0.875, "size": 224}, "crops the middle"),
        ({"size": {"shortest_edge": 224}}, "keeps the aspect ratio"),
        ({"do_pad": True}, "pads"),
        ({"do_flip_channel_order": True}, "swaps channels"),
        ({"resample": 5}, "resizes in a way of its own"),
        ({"image_mean": None}, "does not say its mean"),
    ],
)
def test_what_is_not_the_same_is_said(changes: dict[str, object], what: str) -> None:
    steps, remark = preprocessing_of({**VIT, **changes}, "pixel_values")
    assert steps is None
    assert what in remark


def test_sound_is_scaled_unless_each_recording_is_normalized() -> None:
    plain, remark = preprocessing_of({"do_normalize": False}, "input_values")
    assert plain == Preprocessing(layout="N", scale=32768.0)
    assert not remark
    steps, remark = preprocessing_of({"do_normalize": True}, "input_values")
    assert steps is None
    assert "deviation 1" in remark
    steps, remark = preprocessing_of({"num_mel_bins": 128}, "input_values")
    assert steps is None
    assert "spectrograms" in remark
