"""Operators that ONNX Runtime adds to graphs that it has optimized (domain com.microsoft)."""

import math

from tradewind.interpreter.convolutions import conv
from tradewind.interpreter.node import Node
from tradewind.interpreter.normalizing import rms_norm
from tradewind.interpreter.operator import Function, Operator
from tradewind.interpreter.products import gemm
from tradewind.interpreter.pytorch import Tensor, functional, torch

Given = Tensor | None


def _heads(x: Tensor, count: int) -> Tensor:
    """Return [batch, time, heads * size] as [batch, heads, time, size]."""
    return x.reshape(*x.shape[:2], count, -1).transpose(1, 2)


def _attended(
    node: Node, q: Tensor, k: Tensor, v: Tensor, bias: Given, allowed: Given, is_causal: bool
) -> Tensor:
    """Return attention of [batch, heads, time, size], with its heads side by side again."""
    scale = node.number("scale") or 1 / math.sqrt(q.shape[-1])
    scores = q @ k.transpose(-1, -2) * scale
    lowest = node.number("mask_filter_value", -10000.0)
    if allowed is not None:
        scores = torch.where(allowed, scores, scores + lowest)
    if is_causal:
        size, past = scores.shape[-2:], scores.shape[-1] - scores.shape[-2]
        seen = torch.ones(size, dtype=torch.bool, device=q.device).tril(past)
        scores = scores.masked_fill(~seen, float("-inf"))
    if bias is not None:
        scores = scores + bias
    mixed = torch.softmax(scores, -1) @ v
    return mixed.transpose(1, 2).reshape(q.shape[0], q.shape[2], -1)


def _allowed(node: Node, mask: Given, time: int) -> Given:
    """Return where a mask lets tokens be seen, [batch, 1, 1 or time, time]."""
    if mask is None:
        return None
    if mask.dim() == 1:
        line = torch.arange(time, device=mask.device)
        return (line < mask.reshape(-1, 1)).reshape(-1, 1, 1, time)
    if mask.dim() == 2:
        return mask.bool().reshape(mask.shape[0], 1, 1, time)
    if mask.dim() == 3:
        return mask.bool().unsqueeze(1)
    return node.refuse("a mask of up to three dimensions", f"{list(mask.shape)}")


def attention(
    node: Node, x: Tensor, weight: Tensor, bias: Given = None, mask: Given = None,
    past: Given = None, extra: Given = None, *rest: Given,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Compute Attention: the three projections are one matrix."""
    if past is not None or node.integer("do_rotary"):
        node.refuse("no past and no rotation", "one of them")
    heads = node.integer("num_heads")
    sizes = node.integers("qkv_hidden_sizes") or [weight.shape[1] // 3] * 3
    projected = x @ weight if bias is None else x @ weight + bias
    q, k, v = (_heads(part, heads) for part in projected.split(sizes, -1))
    allowed = _allowed(node, mask, k.shape[2])
    y = _attended(node, q, k, v, extra, allowed, bool(node.integer("unidirectional")))
    return (y,) if node.outputs < 2 else (y, torch.stack([k, v]))


def multi_head_attention(
    node: Node, q: Tensor, k: Given = None, v: Given = None, bias: Given = None,
    mask: Given = None, extra: Given = None, past_k: Given = None, past_v: Given = None,
    *rest: Given,
) -> tuple[Tensor, ...]:  # fmt: skip
    """Compute MultiHeadAttention of queries, keys and values that are projected already."""
    if k is None or v is None or q.dim() != 3:
        node.refuse("queries, keys and values apart", "some of them packed together")
    heads = node.integer("num_heads")
    if bias is not None:
        parts = bias.split([q.shape[-1], q.shape[-1], bias.shape[0] - 2 * q.shape[-1]])
        q = q + parts[0]
        k, v = (
            one if one.dim() == 4 else one + part
            for one, part in zip((k, v), parts[1:], strict=True)
        )
    k, v = (one if one.dim() == 4 else _heads(one, heads) for one in (k, v))
    if past_k is not None and past_v is not None:
        k, v = torch.cat([past_k, k], 2), torch.cat([past_v, v], 2)
    allowed = _allowed(node, mask, k.shape[2])
    causal = bool(node.integer("unidirectional"))
    y = _attended(node, _heads(q, heads), k, v, extra, allowed, causal)
    return (y, k, v)[: max(node.outputs, 1)]


def skip_layer_norm(
    node: Node, x: Tensor, skip: Tensor, scale: Tensor, shift: Given = None, bias: Given = None
) -> tuple[Given, ...]:
    """Compute SkipLayerNormalization; the sum is the fourth output."""
    total = x + skip if bias is None else x + skip + bias
    epsilon = node.number("epsilon", 1e-12)
    return functional.layer_norm(total, scale.shape, scale, shift, epsilon), None, None, total


def skip_rms_norm(
    node: Node, x: Tensor, skip: Tensor, scale: Tensor, bias: Given = None
) -> tuple[Given, ...]:
    """Compute SkipSimplifiedLayerNormalization; the sum is the fourth output."""
    total = x + skip if bias is None else x + skip + bias
    return rms_norm(node, total, scale), None, None, total


def embed_layer_norm(
    node: Node, tokens: Tensor, segments: Given, words: Tensor, places: Tensor, kinds: Given,
    scale: Tensor, shift: Tensor, mask: Given = None, positions: Given = None,
) -> tuple[Given, ...]:  # fmt: skip
    """Compute EmbedLayerNormalization: words, places and segments, added and normalized."""
    batch, time = tokens.shape
    at = (
        torch.arange(time, device=tokens.device).expand(batch, time)
        if positions is None
        else positions
    )
    total = words[tokens.long()] + places[at.long()]
    if segments is not None and kinds is not None:
        total = total + kinds[segments.long()]
    y = functional.layer_norm(total, scale.shape, scale, shift, node.number("epsilon", 1e-12))
    counted = (
        torch.zeros(batch, dtype=torch.int32) if mask is None else mask.sum(1, dtype=torch.int32)
    )
    return y, counted, total


def bias_gelu(node: Node, x: Tensor, bias: Tensor) -> Tensor:
    """Compute BiasGelu."""
    return functional.gelu(x + bias)


def fast_gelu(node: Node, x: Tensor, bias: Given = None) -> Tensor:
    """Compute FastGelu, the approximation by tanh."""
    return functional.gelu(x if bias is None else x + bias, approximate="tanh")


def quick_gelu(node: Node, x: Tensor) -> Tensor:
    """Compute QuickGelu."""
    return x * torch.sigmoid(node.number("alpha", 1.702) * x)


def fused_matmul(node: Node, a: Tensor, b: Tensor) -> Tensor:
    """Compute FusedMatMul."""
    if node.integer("transBatchA") or node.integer("transBatchB"):
        node.refuse("batches in front", "batches turned inwards")
    a = a.transpose(-1, -2) if node.integer("transA") else a
    b = b.transpose(-1, -2) if node.integer("transB") else b
    return node.number("alpha", 1.0) * (a @ b)


def _activated(node: Node, y: Tensor) -> Tensor:
    """Apply the activation that was fused."""
    numbers = node.numbers("activation_params")
    name = node.text("activation")
    if name == "Clip":
        return y.clamp(*numbers)
    if name == "LeakyRelu":
        alpha = numbers[0] if numbers else node.number("activation_alpha", 0.01)
        return functional.leaky_relu(y, alpha)
    if name == "HardSigmoid":
        return (numbers[0] * y + numbers[1]).clamp(0, 1)
    plain = {"": lambda x: x, "Relu": torch.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh}
    if name not in plain:
        node.refuse("an activation that is known", name)
    return plain[name](y)


def fused_conv(
    node: Node, x: Tensor, weight: Tensor, bias: Given = None, extra: Given = None
) -> Tensor:
    """Compute FusedConv: activation(conv(x) + extra)."""
    y = conv(node, x, weight, bias)
    return _activated(node, y if extra is None else y + extra)


def fused_gemm(node: Node, a: Tensor, b: Tensor, c: Given = None) -> Tensor:
    """Compute FusedGemm."""
    return _activated(node, gemm(node, a, b, c))


_FUNCTIONS: dict[str, Function] = {
    "Attention": attention,
    "BiasGelu": bias_gelu,
    "EmbedLayerNormalization": embed_layer_norm,
    "FastGelu": fast_gelu,
    "FusedConv": fused_conv,
    "FusedGemm": fused_gemm,
    "FusedMatMul": fused_matmul,
    "Gelu": lambda node, x: functional.gelu(x),
    "MultiHeadAttention": multi_head_attention,
    "QuickGelu": quick_gelu,
    "SkipLayerNormalization": skip_layer_norm,
    "SkipSimplifiedLayerNormalization": skip_rms_norm,
}
OPERATORS = {name: Operator(function) for name, function in _FUNCTIONS.items()}
