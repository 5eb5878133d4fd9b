"""Networks that listen."""

from pathlib import Path

import numpy as np
from benchmarks.optimizers.made import Made

from tradewind.engines import OnnxRuntime
from tradewind.importers import OnnxImporter, load_model
from tradewind.tensors import Array

RATE_HZ = 16_000
LOUDNESS_RANGE_DB = 80.0
"""From silence to the loudest: the range that errors of a spectrum are told in."""

_STEP = np.float32(0.5847029)  # of the official features, with the zero point
_ZERO = np.float32(83)


def kwt1(folder: Path) -> Made:
    """Return the Keyword Transformer with recordings of one second."""
    model = load_model(folder / "kwt1" / "kwt1_wave.onnx")
    waves, labels = _recordings(folder)
    return Made(model, {"wave": waves, "label": labels})


def dscnn(folder: Path) -> Made:
    """Return the keyword spotter of MLPerf Tiny with its official features."""
    model = load_model(folder / "mlperf_tiny" / "kws_ref_model_float32.tflite")
    with np.load(folder / "mlperf_tiny" / "kws_features_1000.npz") as archive:
        features = (archive["x"].astype(np.float32) - _ZERO) * _STEP
        labels = archive["label"].astype(np.int64)
    spec = model.signature.inputs[0]
    shape = [size if isinstance(size, int) else -1 for size in spec.shape[1:]]
    return Made(model, {spec.name: features.reshape(len(features), *shape), "label": labels})


def ad01(folder: Path) -> Made:
    """Return the autoencoder of MLPerf Tiny with spectra as its own training computed them."""
    model = load_model(folder / "mlperf_tiny" / "ad01_fp32.tflite")
    waves, _ = _recordings(folder)
    random = np.random.default_rng(0)
    filters = _mel_filters(128, 1024)
    rows = []
    for wave in waves:
        spectra = np.abs(np.fft.rfft(_frames(wave, 1024, 512) * np.hanning(1024))) ** 2
        loudness = 10.0 * np.log10(spectra @ filters.T + 1e-10)  # [frames, 128]
        start = random.integers(len(loudness) - 4)
        rows.append(loudness[start : start + 5].reshape(-1))
    return Made(model, {model.signature.inputs[0].name: np.stack(rows).astype(np.float32)})


def dtln(folder: Path) -> Made:
    """Return the first network of DTLN, with frames of noisy speech and the states before them."""
    model = OnnxImporter().load(folder / "dtln" / "model_1.onnx")
    frame, state = (spec.name for spec in model.signature.inputs)
    waves, _ = _recordings(folder)
    random = np.random.default_rng(0)
    noisy = waves + random.normal(scale=0.01, size=waves.shape).astype(np.float32)
    frames, states = [], []
    with OnnxRuntime(threads=1).compile(model) as runner:
        after = model.signature.outputs[1].name
        for wave in noisy:
            spectra = np.abs(np.fft.rfft(_frames(wave, 512, 128))).astype(np.float32)
            before = np.zeros((1, 2, 128, 2), np.float32)
            count = random.integers(10, 60)
            for spectrum in spectra[:count]:
                before = runner({frame: spectrum[None, None], state: before})[after]
            frames.append(spectra[count][None])
            states.append(before[0])
    return Made(model, {frame: np.stack(frames), state: np.stack(states)})


def _recordings(folder: Path) -> tuple[Array, Array]:
    """Return float32[1980, 16000] from -1 to 1, with int64[1980]."""
    with np.load(folder / "speech_commands" / "test_1980.npz") as archive:
        waves = archive["x"].astype(np.float32) / np.float32(32768)
        return waves, archive["label"].astype(np.int64)


def _frames(wave: Array, size: int, step: int) -> Array:
    """Return float32[frames, size], each `step` after the one before."""
    return np.lib.stride_tricks.sliding_window_view(wave, size)[::step]


def _mel_filters(count: int, size: int) -> Array:
    """Return the triangles of the mel scale, float64[count, size / 2 + 1], each of area 1."""
    edges = _hertz(np.linspace(0.0, _mel(RATE_HZ / 2), count + 2))
    bins = np.fft.rfftfreq(size, 1 / RATE_HZ)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    widths = (edges[2:] - edges[:-2])[:, None] / 2
    return np.asarray(np.maximum(0.0, np.minimum(rising, falling)) / widths)


def _mel(hertz: float) -> float:
    return float(2595.0 * np.log10(1.0 + hertz / 700.0))


def _hertz(mel: Array) -> Array:
    return np.asarray(700.0 * (10.0 ** (mel / 2595.0) - 1.0))
