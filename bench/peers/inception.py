"""The Inception network of paper (c), with the branches that its code has."""
import torch
from blood_cells import conv_norm
from torch import nn

ROW, COLUMN, SHORT_ROW, SHORT_COLUMN = (1, 7), (7, 1), (1, 3), (3, 1)


class Branches(nn.Module):
    """Branches side by side; each is a list of (filters, kernel[, stride]), and may begin with the stride of a mean
    pool and end in a list of convolutions that fork."""

    def __init__(self, channels, branches):
        super().__init__()
        self.branches, self.filters = nn.ModuleList(), 0
        for branch in branches:
            layers, forks, width = [], [], channels
            for unit in branch:
                if isinstance(unit, int):
                    pool = dict(ceil_mode=True) if unit == 2 else dict(padding=1)
                    layers.append(nn.AvgPool2d(3, unit, count_include_pad=False, **pool))
                elif isinstance(unit, list):
                    forks = [nn.Sequential(*conv_norm(width, *each)) for each in unit]
                    self.filters += sum(each[0] for each in unit) - width
                else:
                    layers += conv_norm(width, *unit)
                    width = unit[0]
            self.filters += width
            self.branches.append(nn.ModuleList([nn.Sequential(*layers), nn.ModuleList(forks)]))

    def forward(self, x):
        parts = []
        for layers, forks in self.branches:
            y = layers(x)
            parts += [fork(y) for fork in forks] if len(forks) > 0 else [y]
        return torch.cat(parts, 1)


A = [[1, (96, 1)], [(96, 1)], [(64, 1), (96, 3)], [(64, 1), (96, 3), (96, 3)]]
REDUCTION_A = [[2], [(96, 3, 2)], [(64, 1), (96, 3, 2)]]
B = [
    [1, (128, 1)],
    [(384, 1)],
    [(192, 1), (224, ROW), (256, COLUMN)],
    [(192, 1), (192, ROW), (224, COLUMN), (224, ROW), (256, COLUMN)],
]
REDUCTION_B = [[2], [(128, 1), (192, 3, 2)], [(128, 1), (128, ROW), (128, COLUMN), (192, 3, 2)]]
C = [
    [1, (256, 1)],
    [(256, 1)],
    [(384, 1), [(256, SHORT_ROW), (256, SHORT_COLUMN)]],
    [(384, 1), (448, SHORT_ROW), (512, SHORT_COLUMN), [(256, SHORT_COLUMN), (256, SHORT_ROW)]],
]


def inception(size):
    layers = [*conv_norm(3, 32), *conv_norm(32, 64, 3, 2), *conv_norm(64, 96)]
    channels = 96
    for branches in (A, A, REDUCTION_A, B, B, B, REDUCTION_B, C):
        layers.append(Branches(channels, branches))
        channels = layers[-1].filters
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels * (size // 8) ** 2, 8))
