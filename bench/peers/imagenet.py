"""VGG16, ResNet50 and Xception without their tops, as Keras has them, with the head of paper (d)."""
import torch.nn.functional as F
from torch import nn


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.5), nn.Linear(channels, 8)]


def vgg16():
    layers, channels = [], 3
    for count, filters in ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)):
        for _ in range(count):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            channels = filters
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, *head(512))


class Bottleneck(nn.Module):
    def __init__(self, channels, filters, stride):
        """`stride` of the first block of a stage; 0 for the others."""
        super().__init__()
        unit = lambda i, o, k, s=1: [nn.Conv2d(i, o, k, s, k // 2), nn.BatchNorm2d(o, eps=1.001e-5, momentum=0.01)]
        self.past = nn.Sequential(*unit(channels, 4 * filters, 1, stride)) if stride else nn.Identity()
        self.layers = nn.Sequential(
            *unit(channels, filters, 1, max(1, stride)),
            nn.ReLU(),
            *unit(filters, filters, 3),
            nn.ReLU(),
            *unit(filters, 4 * filters, 1),
        )

    def forward(self, x):
        return F.relu(self.past(x) + self.layers(x))


def resnet50():
    stem = [nn.Conv2d(3, 64, 7, 2, 3), nn.BatchNorm2d(64, eps=1.001e-5, momentum=0.01), nn.ReLU()]
    blocks, channels = [nn.MaxPool2d(3, 2, 1)], 64
    for count, filters, stride in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for i in range(count):
            blocks.append(Bottleneck(channels, filters, stride if i == 0 else 0))
            channels = 4 * filters
    return nn.Sequential(*stem, *blocks, *head(2048))


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def separable(channels, filters):
    return [
        nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False),
        nn.Conv2d(channels, filters, 1, bias=False),
        norm(filters),
    ]


class Shrinking(nn.Module):
    def __init__(self, channels, middle, filters, rectified=False):
        super().__init__()
        self.past = nn.Sequential(nn.Conv2d(channels, filters, 1, 2, bias=False), norm(filters))
        self.rectified = rectified
        self.layers = nn.Sequential(*separable(channels, middle), nn.ReLU(), *separable(middle, filters))

    def forward(self, x):
        y = self.layers(x if self.rectified else F.relu(x))
        # `same` in Keras: symmetric for odd maps, behind them for even ones.
        y = F.max_pool2d(y, 3, 2, 1) if y.shape[2] % 2 else F.max_pool2d(y, 3, 2, ceil_mode=True)
        return y + self.past(x)


class Middle(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(*(layer for _ in range(3) for layer in (nn.ReLU(), *separable(channels, channels))))

    def forward(self, x):
        return x + self.layers(x)


def xception():
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, 2, bias=False),
        norm(32),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, bias=False),
        norm(64),
        nn.ReLU(),
        Shrinking(64, 128, 128, rectified=True),
        Shrinking(128, 256, 256),
        Shrinking(256, 728, 728),
        *(Middle(728) for _ in range(8)),
        Shrinking(728, 728, 1024),
        *separable(1024, 1536),
        nn.ReLU(),
        *separable(1536, 2048),
        nn.ReLU(),
        *head(2048),
    )
