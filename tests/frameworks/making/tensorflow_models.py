"""Small trained models in the formats of Keras and TensorFlow: `python FILE PART FOLDER`."""

import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import h5py
import keras
import numpy as np
import tensorflow as tf
import tf_keras

SEED = 11


def dense(k: Any) -> Any:
    """Two inputs, two outputs, and weights enough for TensorFlow Lite to store them in 8 bits."""
    left = k.Input((6,), name="left")
    right = k.Input((4,), name="right")
    hidden = k.layers.Concatenate()([left, k.layers.Dense(5, activation="tanh")(right)])
    hidden = k.layers.Dense(96, activation="gelu")(hidden)
    hidden = k.layers.LayerNormalization()(hidden)
    outputs = [
        k.layers.Dense(3, activation="softmax", name="kind")(hidden),
        k.layers.Dense(1, name="amount")(hidden),
    ]
    return k.Model([left, right], outputs)


def convolution(k: Any) -> Any:
    """Batch normalization, strides, both kinds of padding, pooling, a shortcut."""
    image = k.Input((17, 15, 3), name="image")
    hidden = k.layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    hidden = k.layers.ReLU(6.0)(k.layers.BatchNormalization()(hidden))
    short = hidden
    hidden = k.layers.Conv2D(8, 3, padding="same", activation="elu")(hidden)
    hidden = k.layers.Add()([hidden, short])
    hidden = k.layers.MaxPooling2D(3, 2, padding="same")(hidden)
    hidden = k.layers.Conv2D(12, (1, 3), padding="valid", dilation_rate=1)(hidden)
    hidden = k.layers.LeakyReLU()(hidden)
    hidden = k.layers.GlobalAveragePooling2D()(hidden)
    return k.Model(image, k.layers.Dense(5, name="scores")(hidden))


def depthwise(k: Any) -> Any:
    """Depthwise and separable convolutions, with zeros around."""
    return k.Sequential(
        [
            k.Input((20, 12, 4), name="patch"),
            k.layers.ZeroPadding2D(((0, 1), (0, 1))),
            k.layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2),
            k.layers.BatchNormalization(),
            k.layers.Activation("swish"),
            k.layers.SeparableConv2D(6, 3, padding="same"),
            k.layers.AveragePooling2D(2),
            k.layers.Flatten(),
            k.layers.Dropout(0.3),
            k.layers.Dense(4, activation="sigmoid"),
        ]
    )


def upscaling(k: Any) -> Any:
    """An image comes out, by transposed convolution and by resizing."""
    image = k.Input((8, 8, 3), name="small")
    hidden = k.layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(image)
    hidden = k.layers.UpSampling2D(2, interpolation="bilinear")(hidden)
    hidden = k.layers.Conv2D(3, 3, padding="same", dilation_rate=2)(hidden)
    return k.Model(image, k.layers.UpSampling2D(2)(hidden))


def lstm(k: Any) -> Any:
    """Two layers over frames, the last of which keeps every frame."""
    frames = k.Input((9, 5), name="frames")
    hidden = k.layers.Bidirectional(k.layers.LSTM(6, return_sequences=True))(frames)
    hidden = k.layers.LSTM(32)(hidden)
    return k.Model(frames, k.layers.Dense(2)(hidden))


def gru(k: Any) -> Any:
    """A cell that adds its bias before and after."""
    frames = k.Input((8, 4), name="frames")
    hidden = k.layers.GRU(6, return_sequences=True)(frames)
    hidden = k.layers.GRU(5)(hidden)
    return k.Model(frames, k.layers.Dense(3, activation="softmax")(hidden))


def long_lstm(k: Any) -> Any:
    """More frames than the memory of TensorFlow Lite's LSTM can count to."""
    frames = k.Input((25, 3), name="frames")
    return k.Model(frames, k.layers.LSTM(4, return_sequences=True)(frames))


def embedding(k: Any) -> Any:
    """Token numbers in, attention between them."""
    ids = k.Input((10,), dtype="int32", name="ids")
    hidden = k.layers.Embedding(40, 8)(ids)
    around = k.layers.MultiHeadAttention(2, 4)(query=hidden, value=hidden)
    hidden = k.layers.Add()([hidden, around])
    hidden = k.layers.LayerNormalization()(hidden)
    hidden = k.layers.Conv1D(6, 3, padding="causal", activation="relu")(hidden)
    hidden = k.layers.GlobalMaxPooling1D()(hidden)
    return k.Model(ids, k.layers.Dense(2, activation="softmax")(hidden))


MODELS: tuple[Callable[[Any], Any], ...] = (
    dense, convolution, depthwise, upscaling, lstm, gru, embedding,
)  # fmt: skip

RECURRENT = (lstm, gru, long_lstm)


def trained(build: Callable[[Any], Any], library: Any) -> Any:
    """Return a model after a few steps on noise, so that every weight and average has moved."""
    library.utils.set_random_seed(SEED)
    random = np.random.default_rng(SEED)
    model = build(library)
    inputs = [examples(value, random, 64) for value in model.inputs]
    outputs = [random.normal(size=(64, *value.shape[1:])) for value in model.outputs]
    model.compile(optimizer="adam", loss=["mse"] * len(outputs))
    model.fit(inputs, outputs, batch_size=16, epochs=1, verbose=0)
    return model


def examples(value: Any, random: np.random.Generator, count: int) -> Any:
    """Return inputs that make sense."""
    shape = (count, *value.shape[1:])
    if "int" in str(value.dtype):
        return random.integers(0, 40, shape).astype(np.int32)
    return random.normal(size=shape).astype(np.float32)


def write_structured(folder: Path) -> None:
    """Write a model of dictionaries whose keys are in no order, with what it answers."""
    keras.utils.set_random_seed(SEED)
    wide, narrow = keras.Input((3,), name="b"), keras.Input((2,), name="a")
    outputs = {
        "z": keras.layers.Dense(4)(keras.layers.Concatenate()([wide, narrow])),
        "m": keras.layers.Dense(1)(narrow),
        "a": keras.layers.Dense(2)(wide),
    }
    model = keras.Model({"z": wide, "a": narrow}, outputs)
    model.save(folder / "structured.keras")
    random = np.random.default_rng(SEED)
    x = {"z": random.normal(size=(5, 3)), "a": random.normal(size=(5, 2))}
    answers = model.predict_on_batch({name: value.astype(np.float32) for name, value in x.items()})
    told: dict[str, Any] = {f"out_{name}": np.asarray(value) for name, value in answers.items()}
    np.savez(folder / "structured.npz", wide=x["z"], narrow=x["a"], **told)


def write_keras(folder: Path) -> None:
    """Write every model as Keras 2 and 3 do."""
    for build in MODELS:
        model = trained(build, keras)
        model.save(folder / f"{build.__name__}.keras")
        if build is convolution:
            model.save(folder / f"{build.__name__}_3.h5")
        trained(build, tf_keras).save(folder / f"{build.__name__}_2.h5")
    trained(dense, tf_keras).save(folder / "dense_2.keras")
    write_structured(folder)
    function = keras.layers.Lambda(lambda x: x * 2)
    twice = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), function])
    twice.save(folder / "with_code.keras")
    old = [tf_keras.Input((3,)), tf_keras.layers.Dense(2), tf_keras.layers.Lambda(lambda x: x * 2)]
    tf_keras.Sequential(old).save(folder / "with_code.h5")
    tf_keras.Sequential(old[:2]).save_weights(folder / "weights.h5")
    inputs = tf_keras.Input((4, 3), batch_size=2)
    memory = tf_keras.Model(inputs, tf_keras.layers.LSTM(5, stateful=True)(inputs))
    memory.save(folder / "stateful.h5")
    write_hostile(folder)


def write_hostile(folder: Path) -> None:
    """Write files that lead elsewhere, name foreign code or end too soon."""
    plain = (folder / "dense_2.h5").read_bytes()
    (folder / "cut.h5").write_bytes(plain[: len(plain) // 2])
    (folder / "linked.h5").write_bytes(plain)
    with h5py.File(folder / "linked.h5", "a") as file:
        file["elsewhere"] = h5py.ExternalLink("dense_2.h5", "/model_weights")
    source, target = folder / "dense.keras", folder / "foreign.keras"
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(target, "w") as written:
        for name in given.namelist():
            content = given.read(name)
            if name == "config.json":
                content = content.replace(b'"keras.layers"', b'"os.path"')
            written.writestr(name, content)


def write_lite(folder: Path) -> None:
    """Write every model for TensorFlow Lite: real, with 8-bit weights, and 8-bit throughout."""
    for build in MODELS:
        if build in RECURRENT:
            continue
        model = trained(build, keras)
        for kind in ("float", "hybrid", "int8", "float16"):
            converter = tf.lite.TFLiteConverter.from_keras_model(model)
            if kind != "float":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            if kind == "float16":
                converter.target_spec.supported_types = [tf.float16]
            if kind == "int8":
                converter.representative_dataset = lambda model=model: _calibration(model)
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                if build is not embedding:
                    converter.inference_input_type = tf.int8
                    converter.inference_output_type = tf.int8
            (folder / f"{build.__name__}_{kind}.tflite").write_bytes(converter.convert())
    write_recurrent(folder)


def write_recurrent(folder: Path) -> None:
    """Write sequences for TensorFlow Lite, which has them with a fixed number of examples.

    LSTMs become one operator each, whose limits a long sequence reaches; GRUs become loops.
    """
    for build in RECURRENT:
        model = trained(build, tf_keras)
        if build is long_lstm:
            model.set_weights([weights * 8 for weights in model.get_weights()])
        place = folder / build.__name__
        (value,) = model.inputs
        spec = tf.TensorSpec((1, *value.shape[1:]), value.dtype, name="frames")

        @tf.function(input_signature=[spec])  # type: ignore[untyped-decorator]
        def called(frames: Any, model: Any = model) -> Any:
            return model(frames, training=False)

        tf.saved_model.save(model, str(place), signatures=called)
        for kind in ("float", "hybrid"):
            converter = tf.lite.TFLiteConverter.from_saved_model(str(place))
            if kind == "hybrid":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            place.with_name(f"{place.name}_{kind}.tflite").write_bytes(converter.convert())


def _calibration(model: Any) -> Iterator[list[Any]]:
    random = np.random.default_rng(SEED)
    for _ in range(50):
        yield [examples(value, random, 1) for value in model.inputs]


class TwoWays(tf.Module):
    """A module with two signatures."""

    def __init__(self) -> None:
        super().__init__()
        random = np.random.default_rng(SEED)
        self.weight = tf.Variable(random.normal(size=(5, 3)).astype(np.float32))

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.TensorSpec([None, 5], tf.float32, name="features")]
    )
    def classify(self, features: Any) -> dict[str, Any]:
        """Return scores and the best of them."""
        scores = tf.nn.softmax(features @ self.weight)
        return {"scores": scores, "best": tf.argmax(scores, 1)}

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[
            tf.TensorSpec([None, None, 5], tf.float32, name="sequence"),
            tf.TensorSpec([None], tf.int64, name="lengths"),
        ]
    )
    def pool(self, sequence: Any, lengths: Any) -> dict[str, Any]:
        """Return the mean of what is there of every sequence."""
        mask = tf.sequence_mask(lengths, tf.shape(sequence)[1], tf.float32)[..., None]
        total = tf.reduce_sum(sequence * mask, 1)
        return {"pooled": total / tf.cast(tf.maximum(lengths, 1), tf.float32)[:, None]}


def write_tensorflow(folder: Path) -> None:
    """Write SavedModels and frozen graphs."""
    module = TwoWays()
    signatures = {"serving_default": module.classify, "pool": module.pool}
    tf.saved_model.save(module, folder / "two_ways", signatures=signatures)
    unnamed = {"classify": module.classify, "pool": module.pool}
    tf.saved_model.save(module, folder / "no_default", signatures=unnamed)
    tf.saved_model.save(module, folder / "no_signature", signatures={})
    trained(convolution, keras).export(folder / "exported", verbose=False)
    trained(lstm, tf_keras).save(folder / "old_style", save_format="tf")
    tf.saved_model.save(Reading(), folder / "reading")
    write_frozen(folder)


class Reading(tf.Module):
    """A module that reads a file, which no model has to."""

    @tf.function(  # type: ignore[untyped-decorator]
        input_signature=[tf.TensorSpec([None, 2], tf.float32)]
    )
    def __call__(self, x: Any) -> Any:
        """Return numbers that depend on a file."""
        size = tf.strings.length(tf.io.read_file("/etc/hostname"))
        return x + tf.cast(size, tf.float32)


def write_frozen(folder: Path) -> None:
    """Write a graph of TensorFlow 1, trained and frozen, and the same before it is frozen."""
    v1 = tf.compat.v1
    random = np.random.default_rng(SEED)
    with v1.Graph().as_default() as graph, v1.Session() as session:
        v1.set_random_seed(SEED)
        image = v1.placeholder(tf.float32, [None, 12, 12, 2], name="image")
        kernel = v1.get_variable("kernel", [3, 3, 2, 6])
        hidden = tf.nn.relu(tf.nn.conv2d(image, kernel, 2, "SAME"))
        hidden = tf.reshape(tf.nn.lrn(hidden), [-1, 6 * 6 * 6])
        scores = tf.matmul(hidden, v1.get_variable("weights", [216, 4]))
        answer = tf.nn.softmax(scores, name="answer")
        loss = tf.reduce_mean((answer - 0.25) ** 2)
        step = v1.train.GradientDescentOptimizer(0.1).minimize(loss)
        session.run(v1.global_variables_initializer())
        for _ in range(5):
            session.run(step, {image: random.normal(size=(8, 12, 12, 2))})
        kept = v1.graph_util.extract_sub_graph(graph.as_graph_def(), ["answer"])
        (folder / "unfrozen.pb").write_bytes(kept.SerializeToString())
        frozen = v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), ["answer"]
        )
        (folder / "frozen.pb").write_bytes(frozen.SerializeToString())


PARTS = {"tensorflow": write_tensorflow, "keras": write_keras, "lite": write_lite}

if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(2)
    PARTS[sys.argv[1]](Path(sys.argv[2]))
