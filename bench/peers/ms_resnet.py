"""The networks of paper (b): MS-ResNet18, and BIASNN and LASNN, which have spiking attention behind blocks 2, 4 and 6."""
import torch
from spiking import Spiking
from torch import nn


class Suppress(torch.autograd.Function):
    """x where no neuron fires; straight through for x, also where it is suppressed."""

    @staticmethod
    def forward(ctx, x, spikes):
        ctx.save_for_backward(x)
        return x * (1 - spikes)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g, -g * x


class SpikeAttention(nn.Module):
    def __init__(self, net, library, kind, channels, size, reduction=16):
        super().__init__()
        hidden = channels // reduction
        self.first = nn.Sequential(
            nn.Conv2d(2, 2, 5, padding=2, groups=2, bias=False), nn.Conv2d(2, hidden, 1, bias=False)
        )
        self.second = nn.Sequential(
            nn.Conv2d(hidden, hidden, 7, padding=3, groups=hidden, bias=False),
            nn.Conv2d(hidden, channels, 1, bias=False),
        )
        self.lif = net.neuron(library, kind)

    def forward(self, x, spike):
        seen = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        y = self.second(self.first(seen))
        low, high = y.amin((2, 3), keepdim=True), y.amax((2, 3), keepdim=True)
        return Suppress.apply(x, spike(self.lif, 1 - (y - low) / (high - low + 1e-6)))


class MsBlock(nn.Module):
    def __init__(self, net, library, channels, filters, stride):
        super().__init__()
        self.lif1, self.lif2 = net.neuron(library, "hard"), net.neuron(library, "hard")
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
    """`attention`: the kind of its neurons, or none."""

    def __init__(self, size, steps, library, form, attention=None):
        super().__init__(steps, form)
        self.conv1 = nn.Conv2d(3, 64, 7, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        nn.init.constant_(self.bn1.weight, 0.5)
        channels = [64, 64, 64, 128, 128, 256, 256, 512, 512]
        self.blocks = nn.ModuleList()
        for i in range(8):
            stride = 2 if channels[i + 1] > channels[i] else 1
            size //= stride
            self.blocks.append(MsBlock(self, library, channels[i], channels[i + 1], stride))
            if attention and i in (1, 3, 5):
                self.blocks.append(SpikeAttention(self, library, attention, channels[i + 1], size))
        self.lif = self.neuron(library, "hard")
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
