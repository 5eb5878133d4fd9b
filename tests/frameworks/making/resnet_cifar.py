"""The residual networks for CIFAR-10, as akamaster/pytorch_resnet_cifar10 writes them."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Shortcut(nn.Module):
    """Option A: every other pixel, with channels of zeros around."""

    def __init__(self, planes: int) -> None:
        super().__init__()
        self.planes = planes

    def forward(self, x: Any) -> Any:
        around = self.planes // 4
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, around, around))


class Block(nn.Module):
    def __init__(self, before: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = Shortcut(planes) if stride != 1 else nn.Sequential()

    def forward(self, x: Any) -> Any:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(out + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _layer(16, 16, blocks, 1)
        self.layer2 = _layer(16, 32, blocks, 2)
        self.layer3 = _layer(32, 64, blocks, 2)
        self.linear = nn.Linear(64, 10)

    def forward(self, image: Any) -> Any:
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(image))))))
        return {"logits": self.linear(F.avg_pool2d(x, 8).flatten(1))}


def _layer(before: int, planes: int, blocks: int, stride: int) -> nn.Sequential:
    first = Block(before, planes, stride)
    return nn.Sequential(first, *(Block(planes, planes, 1) for _ in range(blocks - 1)))


def resnet20() -> ResNet:
    return ResNet(3)


def resnet32() -> ResNet:
    return ResNet(5)


def resnet44() -> ResNet:
    return ResNet(7)


def resnet56() -> ResNet:
    return ResNet(9)


def example_inputs() -> tuple[Any]:
    return (torch.randn(1, 3, 32, 32),)
