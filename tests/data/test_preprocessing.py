import io
import json
import zlib
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from tradewind.data import Preprocessing, image_input
from tradewind.errors import DataError, SettingError
from tradewind.tensors import Datatype, Dimension, TensorSpec

IMAGENET = Preprocessing(
    size=(32, 32), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), layout="NHWC"
)


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, "PNG")
    return buffer.getvalue()


def test_apply_scales_before_it_subtracts(random: np.random.Generator) -> None:
    images = random.integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    expected = (images / 255.0 - np.array(IMAGENET.mean)) / np.array(IMAGENET.std)
    # float32 against float64: a few units in the last place of numbers below 3
    assert np.allclose(IMAGENET.apply(images), expected, rtol=0, atol=2e-6)


def test_blue_first_reverses_the_channels() -> None:
    image = np.array([[[[10, 20, 30]]]], np.uint8)
    taken = Preprocessing(channels="BGR", scale=1).apply(image)
    assert taken.ravel().tolist() == [30, 20, 10]


def test_whole_numbers_are_rounded_and_kept_in_range() -> None:
    image = np.array([[[[0], [127], [255]]]], np.uint8)
    chosen = Preprocessing(
        channels="L", layout="NHWC", scale=1, mean=(128.0,), std=(0.5,), datatype=Datatype.INT8
    )
    assert chosen.apply(image).ravel().tolist() == [-128, -2, 127]


@pytest.mark.parametrize(
    "chosen", [Preprocessing(), IMAGENET, Preprocessing(datatype=Datatype.FP16)]
)
def test_settings_survive_json(chosen: Preprocessing) -> None:
    text = json.dumps(msgspec.to_builtins(chosen))
    assert msgspec.convert(json.loads(text), Preprocessing) == chosen
    assert Preprocessing.parse(text) == chosen


def test_inline_text_is_read() -> None:
    text = "mean=.485,.456,.406; std=.229,.224,.225;scale=255;layout=nhwc;size=32x32"
    assert Preprocessing.parse(text) == IMAGENET


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "preprocessing.json"
    path.write_text(json.dumps({"scale": 1, "layout": "NHWC"}))
    assert Preprocessing.parse(str(path)) == Preprocessing(scale=1, layout="NHWC")


def test_what_is_not_mentioned_comes_from_the_base() -> None:
    base = Preprocessing(layout="NHWC", size=(4, 6), channels="L")
    parsed = Preprocessing.parse("mean=.5", base)
    assert parsed == Preprocessing(layout="NHWC", size=(4, 6), channels="L", mean=(0.5,))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("colour=red", "got colour"),
        ("mean=a,b,c", "preprocessing.mean: expected a number, got 'a'"),
        ("mean=1,2", "1 or 3 numbers"),
        ("mean=nan", "finite"),
        ("std=0", "above 0"),
        ("scale=-1", "above 0"),
        ("scale=1;mean", "name=value"),
        ("size=32", "size"),
        ("size=0x3", "1 or more"),
        ("layout=chwn", "layout"),
        ("resize=magic", "resize"),
        ("datatype=bytes", "a type of number"),
        ("no/such/file.json", "No such file"),
        ("{", "JSON"),
        ("[]", "No such file"),
        ('{"std": "x"}', "std"),
    ],
)
def test_settings_that_cannot_be_are_refused(text: str, problem: str) -> None:
    with pytest.raises(SettingError, match=problem):
        Preprocessing.parse(text)


@pytest.mark.parametrize(
    ("datatype", "shape", "expected"),
    [
        (Datatype.FP32, ("N", 3, 8, 9), Preprocessing(size=(8, 9))),
        (Datatype.FP32, (1, 8, 9, 3), Preprocessing(size=(8, 9), layout="NHWC")),
        (Datatype.FP16, ("N", 1, "H", 9), Preprocessing(channels="L", datatype=Datatype.FP16)),
        (
            Datatype.UINT8,
            ("N", 8, 9, 3),
            Preprocessing(size=(8, 9), layout="NHWC", scale=1, datatype=Datatype.UINT8),
        ),
        (Datatype.FP32, ("N", 16000), Preprocessing(layout="N", scale=32768)),
    ],
)
def test_the_default_follows_the_input(
    datatype: Datatype, shape: tuple[Dimension, ...], expected: Preprocessing
) -> None:
    assert Preprocessing.for_spec(TensorSpec("x", datatype, shape)) == expected


def test_an_input_of_features_has_no_default() -> None:
    with pytest.raises(DataError, match="images of 1 or 3 channels"):
        Preprocessing.for_spec(TensorSpec("x", Datatype.FP32, ("N", 5, 4, 4)))


def test_the_raw_tensor_has_the_channels_last() -> None:
    spec = TensorSpec("x", Datatype.FP32, ("N", 3, 8, 9))
    raw = Preprocessing.for_spec(spec).raw_spec(spec)
    assert raw == TensorSpec("x", Datatype.UINT8, ("N", 8, 9, 3))


def test_the_raw_tensor_needs_the_layout_of_the_model() -> None:
    spec = TensorSpec("x", Datatype.FP32, ("N", 8, 9, 3))
    with pytest.raises(DataError, match="layout="):
        Preprocessing().raw_spec(spec)


def test_the_only_image_among_the_inputs_is_found() -> None:
    image = TensorSpec("image", Datatype.FP32, ("N", 3, 8, 9))
    age = TensorSpec("age", Datatype.FP32, ("N", 1))
    assert image_input((age, image)) == image
    with pytest.raises(DataError, match="one image input"):
        image_input((age, age))


def test_decode_resizes_to_height_and_width() -> None:
    assert Preprocessing(size=(4, 6)).decode(png(60, 40)).shape == (4, 6, 3)
    assert Preprocessing(channels="L").decode(png(6, 4)).shape == (4, 6, 1)


def test_decode_refuses_a_bomb_before_it_is_unpacked() -> None:
    bomb = bytearray(png(1, 1))
    bomb[16:24] = (10_000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    with pytest.raises(DataError, match="at most"):
        Preprocessing().decode(bytes(bomb))


def test_decode_refuses_more_than_eight_bits() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(buffer, "PNG")
    with pytest.raises(DataError, match="8 bits"):
        Preprocessing().decode(buffer.getvalue())


def test_decode_of_damaged_bytes_ends_in_a_data_error(random: np.random.Generator) -> None:
    content = png(20, 20)
    for _ in range(200):
        damaged = bytearray(content[: random.integers(1, len(content) + 1)])
        damaged[random.integers(len(damaged))] ^= 1 << int(random.integers(8))
        try:
            Preprocessing().decode(bytes(damaged))
        except DataError:
            continue


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.png"):
        Preprocessing().decode(tmp_path / "none.png")
