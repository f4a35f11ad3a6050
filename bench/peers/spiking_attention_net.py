"""The small spiking residual network with attention, Soma's own."""
import torch.nn.functional as F
from spiking import Spiking, SqueezeExcite
from torch import nn


class Block(nn.Module):
    def __init__(self, net, library, channels, filters):
        super().__init__()
        self.lif1, self.lif2 = net.neuron(library, "triangle"), net.neuron(library, "triangle")
        self.conv1 = nn.Conv2d(channels, filters, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(filters)
        self.conv2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(filters)
        self.attention = SqueezeExcite(filters)
        self.past = nn.Sequential(nn.Conv2d(channels, filters, 1, 2, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x, spike):
        y = self.bn1(self.conv1(spike(self.lif1, x)))
        return self.attention(self.bn2(self.conv2(spike(self.lif2, y)))) + self.past(x)


class SpikingAttentionNet(Spiking):
    def __init__(self, steps, library, form, width=32):
        super().__init__(steps, form)
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.blocks = nn.ModuleList(Block(self, library, width * max(1, i + 1), width * (i + 2)) for i in range(3))
        self.lif = self.neuron(library, "triangle")
        self.fc = nn.Linear(4 * width, 8)

    def layers(self, x, spike, spread):
        x = spread(self.bn1(F.max_pool2d(self.conv1(x), 2)))
        for block in self.blocks:
            x = block(x, spike)
        return spike(self.lif, x).mean((2, 3))

    def forward(self, x):
        return self.fc(self.rows(x).mean(0))
