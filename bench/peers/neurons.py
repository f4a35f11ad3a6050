"""Spiking layers as the peers have them, behind one interface: currents in, spikes out.

`plain`         written here with PyTorch's own operations, step by step with no library in between
`snntorch`      snntorch.Leaky with its fast sigmoid, learnable beta and threshold
`spikingjelly`  LIFNode in multi-step mode on its PyTorch backend, the only one on a CPU; its constants are fixed, and
                SuperSpike is the nearest it has to a fast sigmoid

SCNN's neuron has beta .9, threshold 1, reset by subtraction one step late (at once in SpikingJelly, which has no
other); MS-ResNet18's beta .25, threshold .5, hard reset at once, rectangle.
"""
import torch
from torch import nn


class FastSigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (25.0 * x.abs() + 1.0) ** 2


class Rectangle(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x.abs() < 0.5)


def fire(surrogate, x):
    """A spike; without a gradient where none is needed, which ONNX and the compiler prefer."""
    return surrogate.apply(x) if torch.is_grad_enabled() else (x > 0).to(x.dtype)


class PlainLeaky(nn.Module):
    """snnTorch's Leaky, without the library."""

    def __init__(self):
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(0.9))
        self.threshold = nn.Parameter(torch.tensor(1.0))

    def start(self):
        self.membrane = None

    def step(self, current):
        if self.membrane is None:
            self.membrane = current
        else:
            reset = (self.membrane - self.threshold > 0).to(current.dtype).detach()
            self.membrane = self.beta.clamp(0, 1) * self.membrane + current - reset * self.threshold
        return fire(FastSigmoid, self.membrane - self.threshold)


class PlainHardReset(nn.Module):
    def start(self):
        self.membrane = None

    def step(self, current):
        membrane = current if self.membrane is None else 0.25 * self.membrane + current
        spike = fire(Rectangle, membrane - 0.5)
        self.membrane = membrane * (1 - spike.detach())
        return spike


class SnnTorchLeaky(nn.Module):
    def __init__(self, hard):
        super().__init__()
        import snntorch
        from snntorch import surrogate

        if hard:
            rectangle = surrogate.custom_surrogate(lambda x, g, spike: g * (x.abs() < 0.5))
            self.lif = snntorch.Leaky(
                beta=0.25, threshold=0.5, spike_grad=rectangle, reset_mechanism="zero", reset_delay=False
            )
        else:
            self.lif = snntorch.Leaky(
                beta=0.9, spike_grad=surrogate.fast_sigmoid(25), learn_beta=True, learn_threshold=True
            )

    def start(self):
        self.membrane = self.lif.reset_mem()

    def step(self, current):
        spike, self.membrane = self.lif(current, self.membrane)
        return spike


class SpikingJellyLif(nn.Module):
    def __init__(self, hard):
        super().__init__()
        from spikingjelly.activation_based import neuron, surrogate

        if hard:
            constants = dict(tau=1 / 0.75, v_threshold=0.5, v_reset=0.0, surrogate_function=surrogate.Rect())
        else:
            constants = dict(tau=10.0, v_threshold=1.0, v_reset=None, surrogate_function=surrogate.SuperSpike(25.0))
        self.lif = neuron.LIFNode(decay_input=False, detach_reset=True, step_mode="m", **constants)

    def start(self):
        self.lif.reset()

    def over_time(self, currents):
        return self.lif(currents)


def make_neuron(library, hard=False):
    if library == "plain":
        return PlainHardReset() if hard else PlainLeaky()
    return SnnTorchLeaky(hard) if library == "snntorch" else SpikingJellyLif(hard)


def spikes_over_time(lif, currents, steps, batch):
    """Currents [T*N, ...], or [N, ...] presented at every step, to spikes [T*N, ...]."""
    static = currents.shape[0] == batch
    lif.start()
    if isinstance(lif, SpikingJellyLif):
        if static:
            sequence = currents.unsqueeze(0).expand(steps, *currents.shape)
        else:
            sequence = currents.unflatten(0, (steps, batch))
        return lif.over_time(sequence).flatten(0, 1)
    parts = [currents] * steps if static else currents.chunk(steps)
    return torch.cat([lif.step(part) for part in parts])
