import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tradewind.data import Preprocessing, check, open_dataset, split
from tradewind.errors import DataError
from tradewind.tensors import Array, Datatype, Signature, TensorSpec


def paint(path: Path, pixels: Array) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(pixels).save(path)


def record(path: Path, samples: Array, rate_hz: int = 16000, channels: int = 1) -> None:
    coding = 3 if samples.dtype == np.float32 else 1
    width = samples.dtype.itemsize
    layout = struct.pack("<HHIIHH", coding, channels, rate_hz, rate_hz * width, width, width * 8)
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout
    body += b"data" + struct.pack("<I", samples.nbytes) + samples.tobytes()
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


@pytest.fixture
def images(tmp_path: Path, random: np.random.Generator) -> Path:
    for name in ("dog/1.png", "dog/2.png", "cat/1.png"):
        paint(tmp_path / name, random.integers(0, 256, (4, 6, 3)).astype(np.uint8))
    return tmp_path


@pytest.fixture
def sound_signature() -> Signature:
    spec = TensorSpec("wave", Datatype.FP32, ("N", 8))
    return Signature((spec,), (spec,))


def test_labels_count_the_sorted_folders(images: Path, image_signature: Signature) -> None:
    (images / "cat" / ".DS_Store").write_text("ignored")
    dataset = open_dataset(images, image_signature)
    assert dataset.classes == ("cat", "dog")
    assert dataset.labels is not None
    assert dataset.labels.tolist() == [0, 1, 1]


def test_folders_named_by_numbers_are_sorted_by_number(
    tmp_path: Path, image_signature: Signature
) -> None:
    for number in (10, 2, 1):
        paint(tmp_path / str(number) / "a.png", np.zeros((4, 6, 3), np.uint8))
    assert open_dataset(tmp_path, image_signature).classes == ("1", "2", "10")


def test_images_are_decoded_and_normalised(images: Path, image_signature: Signature) -> None:
    taken = open_dataset(images, image_signature).take(np.array([0]))["image"]
    pixels = np.asarray(Image.open(images / "cat" / "1.png"))
    assert np.array_equal(taken[0], pixels.transpose(2, 0, 1).astype(np.float32) / 255)


def test_images_are_resized_to_the_input(tmp_path: Path, image_signature: Signature) -> None:
    paint(tmp_path / "a" / "1.png", np.full((40, 60, 3), 7, np.uint8))
    paint(tmp_path / "b" / "1.png", np.full((30, 30), 9, np.uint8))  # greyscale
    taken = open_dataset(tmp_path, image_signature).take(np.arange(2))["image"]
    assert taken.shape == (2, 3, 4, 6)
    assert np.unique(taken).tolist() == [np.float32(7 / 255), np.float32(9 / 255)]


def test_a_file_that_is_no_image_is_named(images: Path, image_signature: Signature) -> None:
    (images / "dog" / "notes.txt").write_text("no image")
    dataset = open_dataset(images, image_signature)
    with pytest.raises(DataError, match=r"notes\.txt: expected an image"):
        check(dataset)


def test_a_cut_off_image_is_named(images: Path, image_signature: Signature) -> None:
    path = images / "dog" / "1.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"1\.png"):
        check(open_dataset(images, image_signature))


def test_a_class_without_files_is_named(images: Path, image_signature: Signature) -> None:
    (images / "zebra").mkdir()
    with pytest.raises(DataError, match="zebra: expected examples of the class"):
        open_dataset(images, image_signature)


def test_a_folder_without_classes_is_refused(tmp_path: Path, image_signature: Signature) -> None:
    paint(tmp_path / "1.png", np.zeros((4, 6, 3), np.uint8))
    with pytest.raises(DataError, match="one folder for each class"):
        open_dataset(tmp_path, image_signature)


def test_the_digest_of_a_folder_follows_names_and_content(
    images: Path, image_signature: Signature
) -> None:
    first = open_dataset(images, image_signature).digest
    (images / "dog" / "1.png").rename(images / "dog" / "0.png")
    second = open_dataset(images, image_signature).digest
    paint(images / "dog" / "0.png", np.zeros((4, 6, 3), np.uint8))
    assert len({first, second, open_dataset(images, image_signature).digest}) == 3


def test_copies_of_a_file_stay_in_one_part(tmp_path: Path, image_signature: Signature) -> None:
    for number in range(60):
        pixels = np.full((4, 6, 3), number // 2, np.uint8)
        paint(tmp_path / "ab"[number % 2] / f"{number:02}.png", pixels)
    parts = split(open_dataset(tmp_path, image_signature), 1)
    names = [set(part % 30) for part in (parts.calibrate, parts.select, parts.certify)]
    assert sum(map(len, names)) == len(set.union(*names))


def test_whole_numbers_of_sound_become_floats(tmp_path: Path, sound_signature: Signature) -> None:
    record(tmp_path / "yes" / "1.wav", np.arange(-4, 4, dtype=np.int16) * 8192)
    dataset = open_dataset(tmp_path, sound_signature)
    assert dataset.take(np.array([0]))["wave"].tolist() == [
        [-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75]
    ]
    assert dataset.preprocessing == Preprocessing(layout="N", scale=32768.0)


def test_float_sound_is_taken_as_it_is(tmp_path: Path, sound_signature: Signature) -> None:
    samples = np.linspace(-1, 1, 8, dtype=np.float32)
    record(tmp_path / "yes" / "1.wav", samples)
    dataset = open_dataset(tmp_path, sound_signature)
    assert np.array_equal(dataset.take(np.array([0]))["wave"][0], samples)
    assert dataset.preprocessing is None


@pytest.mark.parametrize(
    ("samples", "rate_hz", "channels", "problem"),
    [
        (np.zeros(9, np.int16), 16000, 1, "expected 8 samples, got 9"),
        (np.zeros(8, np.int16), 8000, 1, "8000 Hz"),
        (np.zeros(8, np.float32), 16000, 1, "float32"),
        (np.zeros(8, np.int16), 16000, 2, "2 channels"),
        (np.zeros(8, np.uint8), 16000, 1, "8 bits"),
    ],
)
def test_sound_that_differs_from_the_rest_is_named(
    tmp_path: Path,
    sound_signature: Signature,
    samples: Array,
    rate_hz: int,
    channels: int,
    problem: str,
) -> None:
    record(tmp_path / "a" / "1.wav", np.zeros(8, np.int16))
    record(tmp_path / "b" / "2.wav", samples, rate_hz, channels)
    with pytest.raises(DataError, match=problem) as caught:
        check(open_dataset(tmp_path, sound_signature))
    assert caught.value.where.endswith("2.wav")


def test_flipped_bits_in_sound_end_in_a_data_error_or_a_dataset(
    tmp_path: Path, sound_signature: Signature, random: np.random.Generator
) -> None:
    path = tmp_path / "a" / "1.wav"
    record(path, np.arange(8, dtype=np.int16))
    content = path.read_bytes()
    for _ in range(200):
        flipped = bytearray(content[: random.integers(1, len(content) + 1)])
        flipped[random.integers(len(flipped))] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        try:
            check(open_dataset(tmp_path, sound_signature))
        except DataError:
            continue


def test_sound_for_a_model_of_features_is_refused(
    tmp_path: Path, image_signature: Signature
) -> None:
    record(tmp_path / "a" / "1.wav", np.zeros(8, np.int16))
    with pytest.raises(DataError, match=r"\[N, samples\]"):
        open_dataset(tmp_path, image_signature)
