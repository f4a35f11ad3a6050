"""Spiking layers as the peers have them, behind one interface: currents in, spikes out.

`plain`         written here with PyTorch's own operations, step by step with no library in between
`snntorch`      snntorch.Leaky with its fast sigmoid
`spikingjelly`  LIFNode in multi-step mode on its PyTorch backend, the only one on a CPU; its constants are fixed, and
                SuperSpike is the nearest it has to a fast sigmoid

`leaky`      SCNN's: beta .9, threshold 1, both learnt, reset by subtraction one step late (at once in SpikingJelly, which
             has no other), fast sigmoid
`fixed`      NeurALLNet's: the same with constants
`hard`       MS-ResNet18's: beta .25, threshold .5, hard reset at once, rectangle
`triangle`   of the spiking attention net: beta .5, threshold 1, hard reset at once, triangle
`suppress`   LASNN's, in its attention: beta .5, threshold 1, hard reset at once, arctan
`adaptive`   BIASNN's, there: the same with a threshold that a batch shares; no library has it
"""
import math

import torch
from torch import nn


class Heaviside(torch.autograd.Function):
    """A spike where x is above 0; a surrogate gives it a gradient."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)


class FastSigmoid(Heaviside):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (25.0 * x.abs() + 1.0) ** 2


class Rectangle(Heaviside):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x.abs() < 0.5)


class Triangle(Heaviside):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (1 - x.abs()).clamp(min=0)


class Arctan(Heaviside):
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (math.pi * (1 + (math.pi * x) ** 2))


def fire(surrogate, x):
    """A spike; without a gradient where none is needed, which ONNX and the compiler prefer."""
    return surrogate.apply(x) if torch.is_grad_enabled() else (x > 0).to(x.dtype)


class PlainLeaky(nn.Module):
    """snnTorch's Leaky, without the library."""

    def __init__(self, learnt):
        super().__init__()
        self.beta = nn.Parameter(torch.tensor(0.9)) if learnt else None
        self.threshold = nn.Parameter(torch.tensor(1.0)) if learnt else 1.0

    def start(self):
        self.membrane = None

    def step(self, current):
        if self.membrane is None:
            self.membrane = current
        else:
            reset = (self.membrane - self.threshold > 0).to(current.dtype).detach()
            beta = 0.9 if self.beta is None else self.beta.clamp(0, 1)
            self.membrane = beta * self.membrane + current - reset * self.threshold
        return fire(FastSigmoid, self.membrane - self.threshold)


class PlainHardReset(nn.Module):
    def __init__(self, beta, threshold, surrogate):
        super().__init__()
        self.beta, self.threshold, self.surrogate = beta, threshold, surrogate

    def start(self):
        self.membrane = None

    def step(self, current):
        membrane = current if self.membrane is None else self.beta * self.membrane + current
        spike = fire(self.surrogate, membrane - self.threshold)
        self.membrane = membrane * (1 - spike.detach())
        return spike


class Adaptive(PlainHardReset):
    """The adaptation of each place is shared by a batch and goes on from batch to batch."""

    def __init__(self):
        super().__init__(0.5, 1.0, Arctan)
        self.register_buffer("adaptation", torch.zeros(()))

    def step(self, current):
        self.threshold = 1.0 + self.adaptation
        spike = super().step(current)
        self.adaptation = self.adaptation + 0.1 * (spike.detach().mean(0) - self.adaptation)
        return spike


class SnnTorchLeaky(nn.Module):
    def __init__(self, kind):
        super().__init__()
        import snntorch
        from snntorch import surrogate

        if kind == "hard":
            rectangle = surrogate.custom_surrogate(lambda x, g, spike: g * (x.abs() < 0.5))
            self.lif = snntorch.Leaky(
                beta=0.25, threshold=0.5, spike_grad=rectangle, reset_mechanism="zero", reset_delay=False
            )
        else:
            learnt = kind == "leaky"
            self.lif = snntorch.Leaky(
                beta=0.9, spike_grad=surrogate.fast_sigmoid(25), learn_beta=learnt, learn_threshold=learnt
            )

    def start(self):
        self.membrane = self.lif.reset_mem()

    def step(self, current):
        spike, self.membrane = self.lif(current, self.membrane)
        return spike


class SpikingJellyLif(nn.Module):
    def __init__(self, kind):
        super().__init__()
        from spikingjelly.activation_based import neuron, surrogate

        if kind == "hard":
            constants = dict(tau=1 / 0.75, v_threshold=0.5, v_reset=0.0, surrogate_function=surrogate.Rect())
        elif kind == "triangle":
            quadratic = surrogate.PiecewiseQuadratic(1.0)
            constants = dict(tau=2.0, v_threshold=1.0, v_reset=0.0, surrogate_function=quadratic)
        elif kind == "suppress":
            constants = dict(tau=2.0, v_threshold=1.0, v_reset=0.0, surrogate_function=surrogate.ATan(2.0))
        else:
            constants = dict(tau=10.0, v_threshold=1.0, v_reset=None, surrogate_function=surrogate.SuperSpike(25.0))
        self.lif = neuron.LIFNode(decay_input=False, detach_reset=True, step_mode="m", **constants)

    def start(self):
        self.lif.reset()

    def over_time(self, currents):
        return self.lif(currents)


def make_neuron(library, kind):
    if kind == "adaptive":
        return Adaptive()
    if library == "snntorch":
        return SnnTorchLeaky(kind)
    if library == "spikingjelly":
        return SpikingJellyLif(kind)
    hard = {"hard": (0.25, 0.5, Rectangle), "suppress": (0.5, 1.0, Arctan), "triangle": (0.5, 1.0, Triangle)}
    return PlainHardReset(*hard[kind]) if kind in hard else PlainLeaky(kind == "leaky")


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
