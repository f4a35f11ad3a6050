"""The systems in PyTorch, with the parameters that Soma's have.

Spiking networks take a `library` for their neurons (neurons.py) and a `form`: `multistep` folds time into the batch for
every layer but the neurons and computes what is before the first neuron once, `loop` runs one step of time after the
other, as an snnTorch user writes it.
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

    def neuron(self, library, hard=False):
        self.lifs.append(make_neuron(library, hard))
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


class MsBlock(nn.Module):
    def __init__(self, net, library, channels, filters, stride):
        super().__init__()
        self.lif1, self.lif2 = net.neuron(library, True), net.neuron(library, True)
        self.conv1 = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        # The paper's code starts the second at 0, which makes every gradient before it an exact 0: no training to time.
        nn.init.constant_(self.bn1.weight, 0.5)
        nn.init.constant_(self.bn2.weight, 0.5)
        self.past = nn.Identity()
        if stride != 1 or channels != filters:
            self.past = nn.Sequential(nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))
            nn.init.constant_(self.past[1].weight, 0.5)

    def forward(self, x, spike):
        y = self.bn1(self.conv1(spike(self.lif1, x)))
        return self.bn2(self.conv2(spike(self.lif2, y))) + self.past(x)


class MsResnet18(Spiking):
    def __init__(self, steps, library, form):
        super().__init__(steps, form)
        self.conv1 = nn.Conv2d(3, 64, 7, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        nn.init.constant_(self.bn1.weight, 0.5)
        channels = [64, 64, 64, 128, 128, 256, 256, 512, 512]
        self.blocks = nn.ModuleList(
            MsBlock(self, library, channels[i], channels[i + 1], 2 if channels[i + 1] > channels[i] else 1)
            for i in range(8)
        )
        self.lif = self.neuron(library, True)
        self.fc = nn.Linear(512, 8)
        for name, numbers in (("mean", (0.4914, 0.4822, 0.4465)), ("std", (0.2023, 0.1994, 0.2010))):
            self.register_buffer(name, torch.tensor(numbers).view(3, 1, 1))

    def layers(self, x, spike, spread):
        x = spread(self.bn1(self.conv1((x - self.mean) / self.std)))
        for block in self.blocks:
            x = block(x, spike)
        return spike(self.lif, x).mean((2, 3))

    def forward(self, x):
        return self.fc(self.rows(x).mean(0))


class AeCnn(nn.Module):
    def __init__(self):
        super().__init__()
        channels = (3, 32, 64, 128, 256)
        self.convs = nn.ModuleList(nn.Conv2d(channels[i], channels[i + 1], 3, padding=1) for i in range(4))
        self.squeeze, self.excite = nn.Linear(128, 32), nn.Linear(32, 128)
        self.fc1, self.fc2 = nn.Linear(256, 128), nn.Linear(128, 8)

    def forward(self, x):
        for conv in self.convs[:3]:
            x = F.max_pool2d(F.relu(conv(x)), 2)
        s = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3))))))
        x = F.relu(self.convs[3](x * s[:, :, None, None]))
        x = F.dropout(F.relu(self.fc1(x.mean((2, 3)))), 0.4, self.training)
        return self.fc2(x)


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


class SeCnn(nn.Module):
    def __init__(self, size):
        super().__init__()
        channels = (3, 32, 64, 128, 256)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Conv2d(channels[i], channels[i + 1], 3, padding=1),
                    nn.BatchNorm2d(channels[i + 1], eps=1e-3, momentum=0.01),
                    nn.ReLU(),
                    nn.MaxPool2d(2),
                    ChannelAttention(channels[i + 1]),
                )
                for i in range(4)
            )
        )
        self.fc = nn.Linear(256 * (size // 16) ** 2, 8)

    def forward(self, x):
        return self.fc(F.dropout(self.stages(x).flatten(1), 0.2, self.training))


def make_network(system, size, steps, library="plain", form="multistep"):
    torch.manual_seed(0)
    if system == "scnn":
        return Scnn(size, steps, library, form)
    if system == "ms-resnet18":
        return MsResnet18(steps, library, form)
    return AeCnn() if system == "ae-cnn" else SeCnn(size)


def make_optimizer(system, net):
    """With a learning rate of 0: all its work, but weights, and with them firing rates, stay what they were."""
    if system == "ms-resnet18":
        return torch.optim.SGD(net.parameters(), lr=0.0, momentum=0.9, weight_decay=5e-5)
    return torch.optim.Adam(net.parameters(), lr=0.0)
