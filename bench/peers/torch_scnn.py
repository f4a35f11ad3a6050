"""One SCNN training step in PyTorch, for the interleaved benchmark (bench/step.mjs).

Usage: torch_scnn.py FORM SIZE BATCH STEPS LAYOUT
  FORM    multistep  time folded into the batch for every layer but the neurons, first convolution once
                     (SpikingJelly's form); the faster of the two, and the baseline that counts
          loop       one step of time after the other, as an snnTorch user writes it
  LAYOUT  nchw | nhwc (torch.channels_last)

Protocol: prints "ready", then for each line "K" on stdin runs K steps and prints K times in milliseconds
and the peak resident memory in MiB.
"""
import resource
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

form, size, batch, steps, layout = sys.argv[1], *map(int, sys.argv[2:5]), sys.argv[5]
torch.set_num_threads(2)
torch.manual_seed(0)


class FastSigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).float()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (25.0 * x.abs() + 1.0) ** 2


class Leaky(nn.Module):
    """snnTorch's Leaky: learnable beta and threshold, reset by subtraction one step late."""

    def __init__(self):
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(0.9))
        self.threshold = nn.Parameter(torch.tensor(1.0))

    def forward(self, current, membrane):
        reset = (membrane - self.threshold > 0).float().detach()
        membrane = self.beta.clamp(0, 1) * membrane + current - reset * self.threshold
        return FastSigmoid.apply(membrane - self.threshold), membrane

    def run(self, currents):
        membrane = torch.zeros(())
        spikes = []
        for current in currents:
            spike, membrane = self(current, membrane)
            spikes.append(spike)
        return spikes


class Scnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, padding=1)
        self.conv2 = nn.Conv2d(64, 128, 3, padding=1)
        self.fc = nn.Linear(128 * (size // 4) ** 2, 8)
        self.lif1, self.lif2, self.lif3 = Leaky(), Leaky(), Leaky()

    def forward(self, x):
        return self.multistep(x) if form == "multistep" else self.loop(x)

    def multistep(self, x):
        first = F.max_pool2d(F.relu(self.conv1(x)), 2)
        spikes = torch.cat(self.lif1.run([first] * steps))
        second = F.max_pool2d(F.relu(self.conv2(spikes)), 2)
        spikes = torch.cat(self.lif2.run(second.chunk(steps)))
        third = self.fc(spikes.flatten(1))
        return torch.stack(self.lif3.run(third.chunk(steps))).sum(0)

    def loop(self, x):
        m1 = m2 = m3 = torch.zeros(())
        counts = 0
        for _ in range(steps):
            s1, m1 = self.lif1(F.max_pool2d(F.relu(self.conv1(x)), 2), m1)
            s2, m2 = self.lif2(F.max_pool2d(F.relu(self.conv2(s1)), 2), m2)
            s3, m3 = self.lif3(self.fc(s2.flatten(1)), m3)
            counts = counts + s3
        return counts


net = Scnn()
images = torch.rand(batch, 3, size, size)
labels = torch.randint(0, 8, (batch,))
if layout == "nhwc":
    net = net.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)
optimizer = torch.optim.Adam(net.parameters(), lr=1e-4)


def step():
    optimizer.zero_grad(set_to_none=True)
    F.cross_entropy(net(images), labels).backward()
    optimizer.step()


for _ in range(2):
    step()
print("ready", flush=True)
for line in sys.stdin:
    times = []
    for _ in range(int(line)):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1e3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(" ".join(f"{t:.3f}" for t in times), f"{peak:.1f}", flush=True)
