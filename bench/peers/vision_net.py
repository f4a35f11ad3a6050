"""The networks of paper (d) for 32x32 images: the VisionNet CNN and Attention-CNN 1 to 3."""
import torch
import torch.nn.functional as F
from torch import nn

# Filters and kernel of each convolution; all have a padding of 1, and a pool follows the second.
LAYERS = [(5, 3), (8, 5), (16, 5), (16, 5)]


def competing(q, k, v):
    """Softmax over all elements of an image."""
    return F.softmax((q * k).flatten(1), 1).view_as(q) * v


class ScalarAttention(nn.Module):
    """Query, key and value are x times a scalar each."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(1, 1) for _ in range(3))

    def forward(self, x):
        q, k, v = (f.weight.view(()) * x.detach() + f.bias for f in (self.query, self.key, self.value))
        return x + competing(q, k, v)


class PositionAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.query, self.key, self.value = (nn.Conv2d(channels, 1, 1) for _ in range(3))

    def forward(self, x):
        y = x.detach()
        return x + competing(self.query(y), self.key(y), self.value(y))


class MapAttention(nn.Module):
    """Maps attend to maps; the softmax runs over queries, as coded."""

    def __init__(self, pixels):
        super().__init__()
        self.query, self.key = nn.Linear(pixels, 8), nn.Linear(pixels, 8)

    def forward(self, x):
        maps = x.detach().flatten(2)
        scores = F.softmax(self.query(maps) @ self.key(maps).transpose(1, 2), 1)
        return torch.cat([x, (scores @ maps).view_as(x)], 1)


class Layer(nn.Module):
    """Convolution, BatchNorm, ReLU and a pool, with the attention before the BatchNorm or behind all."""

    def __init__(self, kind, number, channels, filters, kernel, pixels, shared):
        super().__init__()
        self.conv = nn.Conv2d(channels, filters, kernel, padding=1)
        self.before = PositionAttention(filters) if kind == "position" else shared or nn.Identity()
        self.norm = nn.BatchNorm2d(filters)
        self.pool = nn.MaxPool2d(2) if number == 2 else nn.Identity()
        self.behind = MapAttention(pixels) if kind == "map" else nn.Identity()
        # As coded, architecture 3 throws away what its first BatchNorm makes.
        self.normed = kind != "map" or number > 1

    def forward(self, x):
        x = self.before(self.conv(x))
        return self.behind(self.pool(F.relu(self.norm(x)) if self.normed else x))


class VisionNet(nn.Module):
    """`kind` of attention: scalar, position, map or none."""

    def __init__(self, size, kind):
        super().__init__()
        self.shared = ScalarAttention() if kind == "scalar" else None
        self.layers, channels = nn.Sequential(), 3
        for i, (filters, kernel) in enumerate(LAYERS):
            size = (size + 3 - kernel) // (2 if i == 1 else 1)
            self.layers.append(Layer(kind, i + 1, channels, filters, kernel, size**2, self.shared))
            channels = 2 * filters if kind == "map" else filters
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(7),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(channels * 49, 512),
            nn.ReLU(),
            nn.Linear(512, 256),
            nn.ReLU(),
            nn.Linear(256, 8),
        )

    def forward(self, x):
        return self.head(self.layers((x - 0.5) / 0.5))
