"""Spiking networks over time, and the small ones: SCNN of paper (a), the stand-in for NeurALLNet of paper (e).

A network takes a `library` for its neurons (neurons.py) and a `form`: `multistep` folds time into the batch for every
layer but the neurons and computes what is before the first neuron once, `loop` runs one step of time after the other, as
an snnTorch user writes it.
"""
import torch
import torch.nn.functional as F
from neurons import make_neuron, spikes_over_time
from torch import nn


class Spiking(nn.Module):
    """Runs `layers(x, spike, spread)` in either form; it returns one row for each image and step."""

    def __init__(self, steps, form):
        super().__init__()
        self.steps, self.form = steps, form
        self.lifs = nn.ModuleList()

    def neuron(self, library, kind="leaky"):
        self.lifs.append(make_neuron(library, kind))
        return len(self.lifs) - 1

    def rows(self, x):
        """[T, N, features]"""
        self.rates = [0.0] * len(self.lifs)
        if self.form == "loop":
            for lif in self.lifs:
                lif.start()
            return torch.stack([self.layers(x, self._step, lambda y: y) for _ in range(self.steps)])
        batch = x.shape[0]

        def spike(index, currents):
            spikes = spikes_over_time(self.lifs[index], currents, self.steps, batch)
            self._watch(index, spikes)
            return spikes

        rows = self.layers(x, spike, lambda y: y.repeat(self.steps, *[1] * (y.dim() - 1)))
        return rows.unflatten(0, (self.steps, batch))

    def _step(self, index, current):
        spikes = self.lifs[index].step(current)
        self._watch(index, spikes, self.steps)
        return spikes

    watching = False

    def _watch(self, index, spikes, parts=1):
        if self.watching:
            self.rates[index] += spikes.detach().mean().item() / parts


class Scnn(Spiking):
    def __init__(self, size, steps, library, form):
        super().__init__(steps, form)
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1)
        self.conv2 = nn.Conv2d(64, 128, 3, padding=1)
        self.fc = nn.Linear(128 * (size // 4) ** 2, 8)
        self.lif1, self.lif2, self.lif3 = (self.neuron(library) for _ in range(3))

    def layers(self, x, spike, spread):
        x = spike(self.lif1, F.max_pool2d(F.relu(self.conv1(x)), 2))
        x = spike(self.lif2, F.max_pool2d(F.relu(self.conv2(x)), 2))
        return spike(self.lif3, self.fc(x.flatten(1)))

    def forward(self, x):
        return self.rows(x).sum(0)


class SqueezeExcite(nn.Module):
    def __init__(self, channels, reduction=8):
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // reduction, bias=False)
        self.excite = nn.Linear(channels // reduction, channels, bias=False)

    def forward(self, x):
        s = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3))))))
        return x * s[:, :, None, None]


class Neurallnet(Spiking):
    def __init__(self, steps, library, form):
        super().__init__(steps, form)
        channels = (3, 16, 128, 256)
        self.stages = nn.ModuleList(
            nn.ModuleList(
                [
                    nn.Conv2d(channels[i], channels[i + 1], 3, padding=1),
                    nn.BatchNorm2d(channels[i + 1]),
                    SqueezeExcite(channels[i + 1]),
                ]
            )
            for i in range(3)
        )
        self.fc = nn.Linear(256, 8)
        self.at = [self.neuron(library, "fixed") for _ in range(4)]

    def layers(self, x, spike, spread):
        for lif, (conv, norm, attention) in zip(self.at, self.stages):
            x = F.max_pool2d(attention(spike(lif, norm(conv(x)))), 2)
        return spike(self.at[3], self.fc(x.mean((2, 3))))

    def forward(self, x):
        return self.rows(x).sum(0)
