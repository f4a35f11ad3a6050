"""The dense networks of papers (a) and (c): AE-CNN; CNN, its ablations, VGG, ResNet34, and the attention networks.

They come from Keras: `same` padding puts an odd pixel at the bottom and right, and BatchNorm has Keras's constants.
"""
import torch
import torch.nn.functional as F
from torch import nn


class Same(nn.Module):
    """One more pixel at the bottom and right, for `same` with stride 2, and for pools of stride 1 behind a ReLU."""

    def forward(self, x):
        return F.pad(x, (0, 1, 0, 1))


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def conv_norm(channels, filters, kernel=3, stride=1, padding="same"):
    """[convolution, BatchNorm, ReLU]"""
    first = []
    if stride == 2 and padding == "same":
        first, padding = ([Same()] if kernel == 3 else []), 0
    return [*first, nn.Conv2d(channels, filters, kernel, stride, padding), norm(filters), nn.ReLU()]


class ChannelAttention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        mlp = lambda: nn.Sequential(
            nn.Linear(channels, channels // 8, bias=False), nn.ReLU(), nn.Linear(channels // 8, channels, bias=False)
        )
        self.mean, self.max = mlp(), mlp()

    def forward(self, x):
        s = torch.sigmoid(self.mean(x.mean((2, 3))) + self.max(x.amax((2, 3))))
        return x * s[:, :, None, None]


class SpatialAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x):
        seen = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.conv(seen))


ATTENTION = {
    "none": lambda channels: [],
    "se": lambda channels: [ChannelAttention(channels)],
    "sa": lambda channels: [SpatialAttention()],
    "cbam": lambda channels: [ChannelAttention(channels), SpatialAttention()],
}


def pool(stride):
    return [nn.MaxPool2d(2)] if stride == 2 else [Same(), nn.MaxPool2d(2, 1)]


def cnn(size, stride, attention="none"):
    layers, channels = [], 3
    for filters in (32, 64, 128, 256):
        layers += [*conv_norm(channels, filters), *pool(stride), *ATTENTION[attention](filters)]
        channels = filters
        size //= stride
    drop = [nn.Dropout(0.2)] if attention != "none" else []
    return nn.Sequential(*layers, nn.Flatten(), *drop, nn.Linear(256 * size**2, 8))


# Of the ablations of table 2: convolutions, a last pool, units of a hidden layer, BatchNorm.
ABLATIONS = {
    1: (3, False, 0, False),
    2: (3, True, 0, False),
    3: (4, False, 0, False),
    4: (4, True, 0, False),
    5: (4, True, 0, True),
    6: (3, False, 128, False),
    7: (3, False, 256, False),
    8: (3, True, 128, False),
    9: (3, True, 256, False),
}


def ablation(size, number):
    convolutions, last_pool, units, normed = ABLATIONS[number]
    layers, channels = [], 3
    for i, filters in enumerate((32, 64, 128, 256)[:convolutions]):
        plain = [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
        layers += conv_norm(channels, filters) if normed else plain
        if last_pool or i + 1 < convolutions:
            layers += pool(1)
        channels = filters
    features = channels * size**2
    hidden = [nn.Linear(features, units), nn.ReLU()] if units else []
    return nn.Sequential(*layers, nn.Flatten(), *hidden, nn.Linear(units or features, 8))


def vgg(size, convolutions, hidden=(), attention="none"):
    """Stages of 32, 64, ... filters with so many convolutions each."""
    layers, channels = [], 3
    for i, count in enumerate(convolutions):
        filters = min(32 << i, 512)
        for _ in range(count):
            layers += conv_norm(channels, filters)
            channels = filters
        layers += [nn.MaxPool2d(2), *ATTENTION[attention](filters)]
    features = channels * (size >> len(convolutions)) ** 2
    layers.append(nn.Flatten())
    for units in hidden:
        layers += [nn.Linear(features, units), nn.ReLU(), nn.Dropout(0.2)]
        features = units
    drop = [nn.Dropout(0.2)] if attention != "none" else []
    return nn.Sequential(*layers, *drop, nn.Linear(features, 8))


class ResidualBlock(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.layers = nn.Sequential(
            *conv_norm(channels, filters, 3, stride), nn.Conv2d(filters, filters, 3, padding=1), norm(filters)
        )
        self.past = nn.Identity()
        if stride == 2:
            self.past = nn.Sequential(nn.Conv2d(channels, filters, 1, 2), norm(filters))

    def forward(self, x):
        return F.relu(self.layers(x) + self.past(x))


def resnet34():
    blocks, channels = [], 64
    for stage, count in enumerate((3, 4, 6, 3)):
        for i in range(count):
            blocks.append(ResidualBlock(channels, 64 << stage, 2 if stage > 0 and i == 0 else 1))
            channels = 64 << stage
    stem = [*conv_norm(3, 64, 7, 2, padding=3), nn.MaxPool2d(3, 2, ceil_mode=True)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 8))


class AeCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, padding=1) for i, o in ((3, 32), (32, 64), (64, 128)))
        self.squeeze, self.excite = nn.Linear(128, 32), nn.Linear(32, 128)
        self.conv4 = nn.Conv2d(128, 256, 3, padding=1)
        self.fc1, self.dropout, self.fc2 = nn.Linear(256, 128), nn.Dropout(0.4), nn.Linear(128, 8)

    def forward(self, x):
        for conv in self.convs:
            x = F.max_pool2d(F.relu(conv(x)), 2)
        s = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3))))))
        x = F.relu(self.conv4(x * s[:, :, None, None]))
        return self.fc2(self.dropout(F.relu(self.fc1(x.mean((2, 3))))))


class AutoClassifier(nn.Module):
    """Its second stage: the encoder is frozen, and its BatchNorm works with its running statistics."""

    def __init__(self):
        super().__init__()
        encoder, channels = [], 3
        for filters in (32, 64, 128, 256):
            *first, _ = conv_norm(channels, filters)
            encoder += [*first, nn.ELU(), nn.MaxPool2d(2)]
            channels = filters
        self.encoder = nn.Sequential(*encoder, nn.Flatten(), nn.Linear(4096, 64)).requires_grad_(False)
        layers, channels = [], 16
        for filters in (32, 64, 128, 256, 512):
            layers += [*conv_norm(channels, filters), *pool(1)]
            channels = filters
        self.classifier = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(2048, 8))

    def train(self, mode=True):
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, x):
        return self.classifier(self.encoder(x).unflatten(1, (16, 2, 2)))
