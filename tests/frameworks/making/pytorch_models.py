"""Small modules of many kinds, seeded; imported by the environment that has torch."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, stride=2, groups=2),
            nn.BatchNorm2d(16),
            nn.Hardswish(),
        )
        self.head = nn.Linear(16, 5)

    def forward(self, image: Any) -> Any:
        return self.head(F.adaptive_avg_pool2d(self.body(image), 1).flatten(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(6, 10, num_layers=2, batch_first=True, bidirectional=True)
        self.gru = nn.GRU(20, 7, batch_first=True)
        self.head = nn.Linear(7, 3)

    def forward(self, frames: Any) -> Any:
        hidden, _ = self.lstm(frames)
        _, last = self.gru(hidden)
        return self.head(last[-1])


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 16, padding_idx=0)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 4)

    def forward(self, ids: Any) -> Any:
        hidden = self.encoder(self.words(ids))
        keep = (ids != 0).unsqueeze(-1).float()
        return self.head((hidden * keep).sum(1) / keep.sum(1).clamp(min=1))


class TwoTowers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 8), nn.Linear(6, 8)

    def forward(self, user: Any, item: Any) -> dict[str, Any]:
        left, right = F.normalize(self.left(user), dim=1), F.normalize(self.right(item), dim=1)
        return {"score": (left * right).sum(1), "embeddings": (left, right)}


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 24, 4, stride=4)
        self.first = nn.Parameter(torch.randn(1, 1, 24))
        self.places = nn.Parameter(torch.randn(1, 17, 24) * 0.1)
        self.attention = nn.MultiheadAttention(24, 3, batch_first=True)
        self.norm = nn.LayerNorm(24)
        self.head = nn.Linear(24, 6)

    def forward(self, pixels: Any) -> Any:
        tokens = self.patch(pixels).flatten(2).transpose(1, 2)
        first = self.first.expand(pixels.shape[0], -1, -1)
        tokens = torch.cat([first, tokens], dim=1) + self.places
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.head(self.norm(tokens + mixed)[:, 0])


class Hourglass(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.inner = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.out = nn.Conv2d(5, 2, 1)
        self.norm = nn.InstanceNorm2d(8, affine=True)

    def forward(self, scan: Any) -> Any:
        low = F.gelu(self.norm(self.down(scan)))
        low = F.interpolate(F.silu(self.inner(low)), scale_factor=1.0, mode="nearest")
        return torch.sigmoid(self.out(torch.cat([self.up(low), scan], dim=1)))


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(40, 8, mode="mean")
        self.head = nn.Linear(8, 2)

    def forward(self, tokens: Any) -> Any:
        return self.head(torch.tanh(self.bag(tokens)))


class Waves(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(1, 6, 9, stride=4), nn.ELU(), nn.Conv1d(6, 8, 5, dilation=2), nn.GLU(dim=1)
        )
        self.head = nn.Linear(4, 3)

    def forward(self, wave: Any) -> tuple[Any, Any]:
        found = self.body(wave.unsqueeze(1))
        logits = self.head(found.amax(dim=2))
        return logits, logits.softmax(-1)


class Gated(nn.Module):
    """A table model whose last batch dimension is squeezed away when there is one example."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.value = nn.Linear(5, 5), nn.Linear(5, 1)

    def forward(self, x: Any) -> Any:
        return self.value(x * self.gate(x).sigmoid()).squeeze()


class Rows(nn.Module):
    """A model that insists on four examples."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(12, 12)

    def forward(self, x: Any) -> Any:
        return self.mix(x.reshape(1, 12)).reshape(4, 3)


Example = tuple[Any, ...]

MODELS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Example]]] = {
    "convolutions": (Convolutions, lambda: (torch.randn(1, 3, 16, 16),)),
    "recurrent": (Recurrent, lambda: (torch.randn(2, 9, 6),)),
    "encoder": (Encoder, lambda: (torch.randint(0, 50, (2, 11)),)),
    "two towers": (TwoTowers, lambda: (torch.randn(2, 4), torch.randn(2, 6))),
    "patches": (Patches, lambda: (torch.randn(1, 3, 16, 16),)),
    "hourglass": (Hourglass, lambda: (torch.rand(2, 1, 16, 16),)),
    "bag": (Bag, lambda: (torch.randint(0, 40, (3, 7)),)),
    "waves": (Waves, lambda: (torch.randn(2, 400),)),
}


def made(name: str) -> tuple[Any, Example]:
    """Return a module with weights that matter, ready to answer, with example inputs."""
    torch.manual_seed(7)
    build, example = MODELS[name]
    module = build()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 2)
    return module.eval(), example()
