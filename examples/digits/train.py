"""Train a small residual network on handwritten digits; export it as `digits.onnx`.

Needs: pip install torch==2.13.0 scikit-learn onnx onnxscript onnxruntime

    python examples/digits/train.py [out.onnx]
"""

from __future__ import annotations

import ast
import math
import sys
from collections import Counter
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from data import SIDE, Digits, held_out, training

SEED = 0
THREADS = 2
EPOCHS = 60
BATCH = 50
PEAK_RATE = 3e-3
WEIGHT_DECAY = 0.05
OPSET = 18
TOLERANCE = 1e-4  # on logits of magnitude 10: float32 sums taken in another order


class ConvNorm(nn.Module):
    """A convolution followed by batch normalisation, one convolution once folded."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            channels_in, channels_out, kernel, stride, padding=kernel // 2, bias=False
        )
        self.norm: nn.Module = nn.BatchNorm2d(channels_out)

    def forward(self, image: Tensor) -> Tensor:
        return cast(Tensor, self.norm(self.conv(image)))

    def fold(self) -> None:
        """Merge the normalisation into the convolution, which must be in eval mode."""
        assert isinstance(self.norm, nn.BatchNorm2d)
        self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = nn.Identity()


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where shapes change."""

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1) -> None:
        super().__init__()
        self.first = ConvNorm(channels_in, channels_out, 3, stride)
        self.second = ConvNorm(channels_out, channels_out, 3)
        same = channels_in == channels_out and stride == 1
        self.shortcut = nn.Identity() if same else ConvNorm(channels_in, channels_out, 1, stride)

    def forward(self, image: Tensor) -> Tensor:
        kept = self.shortcut(image)
        return F.relu(self.second(F.relu(self.first(image))) + kept)


class DigitNet(nn.Module):
    """A residual network from float32[N, 1, 32, 32] to logits float32[N, 10]."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNorm(1, 32, 3)
        self.stage1 = Block(32, 32)  # [N, 32, 32, 32]
        self.stage2 = nn.Sequential(Block(32, 64, stride=2), Block(64, 64))  # [N, 64, 16, 16]
        self.stage3 = Block(64, 128, stride=2)  # [N, 128, 8, 8]
        self.head = nn.Linear(128, 10)

    def forward(self, image: Tensor) -> Tensor:
        feature = self.stage3(self.stage2(self.stage1(F.relu(self.stem(image)))))
        return cast(Tensor, self.head(feature.mean((2, 3))))


def main(path: Path) -> None:
    """Train, export, check the file against torch, then print what a reader wants to know."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    net = DigitNet()
    train(net, training())
    fold_norms(net)
    model = export(net)
    onnx.save(model, path)

    tested = held_out()
    logits = run_with_onnxruntime(path, tested.image)
    difference = float(np.abs(logits - run_with_torch(net, tested.image)).max())
    if difference > TOLERANCE:
        sys.exit(f"{path}: expected torch's logits within {TOLERANCE}, got {difference:.1e} apart.")
    print(f"{path}: {path.stat().st_size:,} bytes")
    print(f"{sum(weight.numel() for weight in net.parameters()):,} parameters")
    print(f"{count_macs(model):,} MACs per example")
    print(f"onnxruntime and torch differ by at most {difference:.1e} in a logit")
    correct = int((logits.argmax(axis=1) == tested.label).sum())
    print(f"held-out accuracy: {correct / len(tested):.2%} ({correct} of {len(tested)})")


def train(net: DigitNet, digits: Digits) -> None:
    """Fit `net` in place, each example distorted anew in each epoch."""
    image, label = torch.from_numpy(digits.image), torch.from_numpy(digits.label)
    steps = math.ceil(len(digits) / BATCH)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=PEAK_RATE, epochs=EPOCHS, steps_per_epoch=steps
    )
    net.train()
    for epoch in range(1, EPOCHS + 1):
        total = 0.0
        order = torch.randperm(len(digits))
        for start in range(0, len(digits), BATCH):
            index = order[start : start + BATCH]
            loss = F.cross_entropy(net(distort(image[index])), label[index])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += loss.item()
        if epoch % 10 == 0:
            print(f"epoch {epoch:2d} of {EPOCHS}: training loss {total / steps:.4f}", flush=True)


def distort(image: Tensor) -> Tensor:
    """Return each image turned, slanted, scaled and moved a little, by its own random amounts.

    out(x) = image(A x + b), with A at most 0.2 from the identity in each entry, and b at
    most 3 pixels; coordinates run from -1 to 1 across the image.
    """
    change = 2 * torch.rand(len(image), 2, 3) - 1
    matrix = torch.eye(2, 3) + change * torch.tensor([0.2, 0.2, 2 * 3 / SIDE])
    grid = F.affine_grid(matrix, list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, align_corners=False)


def fold_norms(net: DigitNet) -> None:
    """Put `net` in eval mode with every normalisation merged into its convolution."""
    net.eval()
    for module in net.modules():
        if isinstance(module, ConvNorm):
            module.fold()


def export(net: DigitNet) -> onnx.ModelProto:
    """Return `net` as a checked ONNX model: `image` [N, 1, 32, 32] to `logits` [N, 10]."""
    program = torch.onnx.export(
        net,
        (torch.zeros(2, 1, SIDE, SIDE),),
        input_names=["image"],
        output_names=["logits"],
        dynamic_shapes={"image": {0: torch.export.Dim("N")}},
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # None only where a file is written
    model = program.model_proto
    name_by_module(model)
    onnx.checker.check_model(model, full_check=True)
    return model


def name_by_module(model: onnx.ModelProto) -> None:
    """Name nodes and values after their torch modules; drop the exporter's notes.

    The notes hold stack traces, with the paths of the machine that exported.
    """
    graph = model.graph
    outputs = {value.name for value in graph.output}
    seen: Counter[str] = Counter()
    renamed: dict[str, str] = {}
    for node in graph.node:
        notes = {entry.key: entry.value for entry in node.metadata_props}
        scopes = cast(list[str], ast.literal_eval(notes["pkg.torch.onnx.name_scopes"]))
        # scopes: ["", "stage1", "stage1.first", "stage1.first.conv", "conv2d"]
        kind = node.op_type.lower()
        name = f"{scopes[-2].removesuffix(kind).rstrip('.')}.{kind}".lstrip(".")
        seen[name] += 1
        node.name = name if seen[name] == 1 else f"{name}_{seen[name]}"
        for old in node.output:
            renamed[old] = old if old in outputs else node.name
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed[name] for name in node.output]
        del node.metadata_props[:]
    for value in graph.value_info:
        value.name = renamed.get(value.name, value.name)
    for noted in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del noted.metadata_props[:]


def count_macs(model: onnx.ModelProto) -> int:
    """Return the multiply-accumulates of one example: the sums in Conv plus those in Gemm.

    A Conv does height * width * weights in all, a Gemm one for each weight.
    """
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in onnx.shape_inference.infer_shapes(model).graph.value_info
    }
    sizes = {weight.name: math.prod(weight.dims) for weight in model.graph.initializer}
    macs = 0
    for node in model.graph.node:
        if node.op_type == "Conv":  # [N, channels, height, width]
            macs += math.prod(shapes[node.output[0]][2:]) * sizes[node.input[1]]
        elif node.op_type == "Gemm":
            macs += sizes[node.input[1]]
    return macs


def run_with_torch(net: DigitNet, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32[N, 10] from torch."""
    with torch.inference_mode():
        return cast(NDArray[np.float32], net(torch.from_numpy(image)).numpy())


def run_with_onnxruntime(path: Path, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32[N, 10] from the exported file."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return cast(NDArray[np.float32], session.run(["logits"], {"image": image})[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("digits.onnx"))
