"""Numbers by a formula that pattern.ts repeats, so that weights and images need not be stored."""
import numpy as np
import torch


def pattern(shape, scale, phase, offset=0.0):
    n = int(np.prod(shape)) if shape else 1
    i = np.arange(n, dtype=np.float64)
    values = offset + scale * np.sin(i * i * 0.013 + i * 1.7 + phase)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))
