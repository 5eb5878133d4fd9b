"""Small models of JAX, trained for a moment: functions of parameters and inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

LAYOUT = ("NHWC", "HWIO", "NHWC")


@dataclass(frozen=True)
class Made:
    """A function with its parameters and the shapes of its inputs, examples first."""

    function: Callable[..., Any]
    params: Any
    inputs: tuple[Any, ...]


class Weights:
    """Random numbers in the shapes that are asked for."""

    def __init__(self) -> None:
        self._key = jax.random.PRNGKey(0)

    def __call__(self, *shape: int) -> Any:
        self._key, used = jax.random.split(self._key)
        return jax.random.normal(used, shape) * 0.3


def perceptron(p: Any, x: Any) -> Any:
    return jax.nn.softmax(jax.nn.relu(x @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"])


def convolutions(p: Any, image: Any) -> Any:
    y = lax.conv_general_dilated(image, p["c1"], (1, 1), "SAME", dimension_numbers=LAYOUT)
    y = (y - p["mean"]) * lax.rsqrt(jnp.abs(p["var"]) + 1e-5) * p["gain"] + p["bias"]
    y = jax.nn.relu(y)
    y = lax.reduce_window(y, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    y = lax.conv_general_dilated(
        y, p["c2"], (2, 2), "SAME", dimension_numbers=LAYOUT, feature_group_count=4
    )
    y = lax.reduce_window(jax.nn.swish(y), 0.0, lax.add, (1, 2, 2, 1), (1, 1, 1, 1), "SAME") / 4
    return y.mean((1, 2)) @ p["w"]


def layer_norm(x: Any, gain: Any, bias: Any) -> Any:
    mean = x.mean(-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(variance + 1e-5) * gain + bias


def attention(p: Any, ids: Any) -> Any:
    x = p["table"][ids] + p["places"]
    h = layer_norm(x, p["gain"], p["bias"])
    q, k, v = (jnp.einsum("btd,dhe->bthe", h, p[name]) for name in "qkv")
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / jnp.sqrt(8.0)
    scores = jnp.where(jnp.tril(jnp.ones((9, 9))) > 0, scores, -1e9)
    seen = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)
    x = x + jnp.einsum("bqhd,hde->bqe", seen, p["o"])
    inner = jax.nn.gelu(layer_norm(x, p["gain"], p["bias"]) @ p["w1"], approximate=False)
    return (x + inner @ p["w2"])[:, -1] @ p["c"]


def recurrent(p: Any, x: Any) -> Any:
    def step(h: Any, now: Any) -> Any:
        z = jax.nn.sigmoid(now @ p["wz"] + h @ p["uz"])
        r = jax.nn.sigmoid(now @ p["wr"] + h @ p["ur"])
        h = (1 - z) * h + z * jnp.tanh(now @ p["wh"] + (r * h) @ p["uh"])
        return h, h

    last, all_of_them = lax.scan(step, jnp.zeros((x.shape[0], 6)), x.swapaxes(0, 1))
    return {"last": last @ p["o"], "top": all_of_them.max(0)}


def normalized(p: Any, image: Any) -> Any:
    y = lax.conv_transpose(image, p["t"], (2, 2), "SAME")
    groups = y.reshape(*y.shape[:-1], 2, 2)
    mean = groups.mean((1, 2, 4), keepdims=True)
    variance = groups.var((1, 2, 4), keepdims=True)
    y = ((groups - mean) * lax.rsqrt(variance + 1e-5)).reshape(y.shape)
    return jax.nn.gelu(y * lax.rsqrt((y**2).mean(-1, keepdims=True) + 1e-6))


def operators(p: Any, x: Any) -> Any:
    values, places = lax.top_k(x, 3)
    return {
        "values": values,
        "places": places,
        "first": jnp.argmax(x, -1),
        "least": jnp.argmin(x, -1),
        "order": jnp.argsort(x, -1),
        "sorted": jnp.sort(x, -1),
        "picked": jnp.take_along_axis(x, places, -1),
        "columns": x[:, jnp.array([1, 5, 2])],
        "marks": jax.nn.one_hot(jnp.argmax(x, -1), 8),
        "running": jnp.cumsum(x, -1),
        "logs": jax.nn.log_softmax(x),
        "bent": jax.nn.elu(x) + jax.nn.softplus(x) + jax.nn.leaky_relu(x) + jnp.clip(x, -1, 1),
        "rest": jnp.floor(x) % 2 + jnp.round(x) + jnp.sign(x) + jnp.arctan(x),
        "length": jnp.linalg.norm(x, axis=-1),
        "spread": x.std(-1),
        "chosen": jnp.where((x > 0).any(-1, keepdims=True), x, -x),
        "rolled": jnp.roll(x, 2, -1)[:, ::-1],
        "padded": jnp.pad(x, ((0, 0), (1, 2))),
        "turned": x.reshape(x.shape[0], 2, 4).transpose(0, 2, 1),
        "count": (x > 0.5).sum(-1),
        "cut": x[:, 2:6:2],
    }


def branches(p: Any, x: Any, flag: Any) -> Any:
    chosen = lax.cond(flag.sum() > 0, lambda v: v @ p, lambda v: -v @ p, x)
    return chosen, lax.fori_loop(0, 3, lambda i, v: v * 0.5 + i, x)


def layered(p: Any, x: Any) -> Any:
    for layer in p["layers"]:
        x = jax.nn.relu(x @ layer["w"] + layer["b"])
    return x @ p["head"]["w"]


def fixed(p: Any, x: Any) -> Any:
    """Mix a number of examples that is known when it is traced."""
    return x @ p + jnp.arange(x.shape[0] * 3).reshape(4, -1).sum()


def models() -> dict[str, Made]:
    """Return every model, the first two trained."""
    w = Weights()

    def floats(*shape: int) -> Any:
        return jax.ShapeDtypeStruct((4, *shape), jnp.float32)

    dense = {"w1": w(12, 32), "b1": w(32), "w2": w(32, 3), "b2": w(3)}
    seeing = {"c1": w(3, 3, 3, 8), "mean": w(8), "var": w(8), "gain": w(8), "bias": w(8)}
    seeing |= {"c2": w(3, 3, 2, 8), "w": w(8, 5)}
    reading = {"table": w(50, 16), "places": w(9, 16), "gain": w(16) + 1, "bias": w(16)}
    reading |= {name: w(16, 2, 8) for name in "qkv"} | {"o": w(2, 8, 16), "w1": w(16, 32)}
    reading |= {"w2": w(32, 16), "c": w(16, 2)}
    hearing = {f"w{gate}": w(4, 6) for gate in "zrh"} | {f"u{gate}": w(6, 6) for gate in "zrh"}
    layers = {"layers": [{"w": w(8, 8), "b": w(8)} for _ in range(3)], "head": {"w": w(8, 2)}}
    ids = jax.ShapeDtypeStruct((4, 9), jnp.int32)
    return {
        "perceptron": Made(perceptron, trained(perceptron, dense, w(64, 12), 3), (floats(12),)),
        "convolutions": Made(
            convolutions, trained(convolutions, seeing, w(32, 16, 16, 3), 5), (floats(16, 16, 3),)
        ),
        "attention": Made(attention, reading, (ids,)),
        "recurrent": Made(recurrent, hearing | {"o": w(6, 2)}, (floats(7, 4),)),
        "normalized": Made(normalized, {"t": w(3, 3, 3, 4)}, (floats(5, 5, 3),)),
        "operators": Made(operators, None, (floats(8),)),
        "branches": Made(branches, w(4, 4), (floats(4), floats())),
        "layered": Made(layered, layers, (floats(8),)),
        "fixed": Made(fixed, w(4, 4), (floats(4),)),
    }


def trained(function: Callable[..., Any], params: Any, x: Any, classes: int) -> Any:
    """Return the parameters after some steps towards classes that the inputs' means decide."""
    wanted = jax.nn.one_hot((x.reshape(len(x), -1).mean(-1) * 40).astype(int) % classes, classes)

    def loss(p: Any) -> Any:
        return ((function(p, x) - wanted) ** 2).mean()

    step = jax.jit(jax.grad(loss))
    for _ in range(30):
        slopes = step(params)
        params = jax.tree_util.tree_map(lambda value, slope: value - 0.1 * slope, params, slopes)
    return params
