"""Train a small residual network on handwritten digits; export it as `digits.onnx`.

Needs: pip install torch==2.13.0 scikit-learn onnx onnxscript onnxruntime

    python examples/digits/train.py [out.onnx]
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from data import SIDE, Digits, held_out, training
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

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
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(128, 10)

    def forward(self, image: Tensor) -> Tensor:
        feature = self.stage3(self.stage2(self.stage1(F.relu(self.stem(image)))))
        return cast(Tensor, self.head(self.pool(feature).flatten(1)))
