"""Makes torch-networks.json: loss and gradients of both systems in PyTorch, in doubles where nothing spikes.

    python3 test/golden/torch_networks.py > test/golden/torch-networks.json

Weights and images come from formulae that test/golden.test.ts repeats, so that only results are stored.
"""
import json

import numpy as np
import torch
import torch.nn.functional as F

torch.set_num_threads(1)
BATCH, SIZE, STEPS, CLASSES = 3, 12, 5, 4
LABELS = torch.tensor([2, 0, 3])


def pattern(shape, scale, phase, offset=0.0):
    n = int(np.prod(shape)) if shape else 1
    i = np.arange(n, dtype=np.float64)
    values = offset + scale * np.sin(i * i * 0.013 + i * 1.7 + phase)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


IMAGES = pattern((BATCH, 3, SIZE, SIZE), 0.5, 0.3, 0.5)


class FastSigmoid(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g / (25.0 * x.abs() + 1.0) ** 2


def leaky(current, membrane, beta, threshold):
    reset = (membrane - threshold > 0).to(current.dtype).detach()
    membrane = beta.clamp(0, 1) * membrane + current - reset * threshold
    return FastSigmoid.apply(membrane - threshold), membrane


def scnn(p):
    m1 = m2 = m3 = torch.zeros(())
    counts, rates = 0, []
    for _ in range(STEPS):
        x = F.max_pool2d(F.relu(F.conv2d(IMAGES, p["conv1.weight"], p["conv1.bias"], padding=1)), 2)
        s1, m1 = leaky(x, m1, p["lif1.beta"], p["lif1.threshold"])
        x = F.max_pool2d(F.relu(F.conv2d(s1, p["conv2.weight"], p["conv2.bias"], padding=1)), 2)
        s2, m2 = leaky(x, m2, p["lif2.beta"], p["lif2.threshold"])
        s3, m3 = leaky(F.linear(s2.flatten(1), p["fc.weight"], p["fc.bias"]), m3, p["lif3.beta"], p["lif3.threshold"])
        counts = counts + s3
        rates.append([s1.mean().item(), s2.mean().item(), s3.mean().item()])
    return counts, np.mean(rates, axis=0).tolist()


def ae_cnn(p):
    x = IMAGES.double()
    for i in (1, 2, 3):
        x = F.max_pool2d(F.relu(F.conv2d(x, p[f"conv{i}.weight"], p[f"conv{i}.bias"], padding=1)), 2)
    s = F.relu(F.linear(x.mean((2, 3)), p["se.squeeze.weight"], p["se.squeeze.bias"]))
    s = torch.sigmoid(F.linear(s, p["se.excite.weight"], p["se.excite.bias"]))
    x = F.relu(F.conv2d(x * s[:, :, None, None], p["conv4.weight"], p["conv4.bias"], padding=1))
    x = F.relu(F.linear(x.mean((2, 3)), p["fc1.weight"], p["fc1.bias"]))
    return F.linear(x, p["fc2.weight"], p["fc2.bias"]), []


def shapes_scnn():
    flat = 128 * (SIZE // 4) ** 2
    yield from [("conv1.weight", (64, 3, 3, 3)), ("conv1.bias", (64,)), ("lif1.beta", ()), ("lif1.threshold", ())]
    yield from [("conv2.weight", (128, 64, 3, 3)), ("conv2.bias", (128,)), ("lif2.beta", ()), ("lif2.threshold", ())]
    yield from [("fc.weight", (CLASSES, flat)), ("fc.bias", (CLASSES,)), ("lif3.beta", ()), ("lif3.threshold", ())]


def shapes_ae_cnn():
    channels = 3
    for i, filters in ((1, 32), (2, 64), (3, 128)):
        yield from [(f"conv{i}.weight", (filters, channels, 3, 3)), (f"conv{i}.bias", (filters,))]
        channels = filters
    for name, o, i in (("se.squeeze", 32, 128), ("se.excite", 128, 32)):
        yield from [(f"{name}.weight", (o, i)), (f"{name}.bias", (o,))]
    yield from [("conv4.weight", (256, 128, 3, 3)), ("conv4.bias", (256,))]
    for name, o, i in (("fc1", 128, 256), ("fc2", CLASSES, 128)):
        yield from [(f"{name}.weight", (o, i)), (f"{name}.bias", (o,))]


def initial(name, shape, index):
    if name.endswith("beta"):
        return torch.tensor(0.75)
    if name.endswith("threshold"):
        return torch.tensor(0.5)
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 16
    return pattern(shape, 1.5 / fan_in**0.5, index)


def run(forward, shapes, dtype):
    p = {n: initial(n, s, i).to(dtype).requires_grad_() for i, (n, s) in enumerate(shapes)}
    logits, rates = forward(p)
    loss = F.cross_entropy(logits, LABELS)
    loss.backward()
    sample = lambda g: g.flatten()[:: max(1, g.numel() // 5)].tolist()
    gradients = {n: {"norm": v.grad.norm().item(), "sample": sample(v.grad)} for n, v in p.items()}
    return {"loss": loss.item(), "logits": logits.flatten().tolist(), "rates": rates, "gradients": gradients}


result = {
    "torch": torch.__version__,
    "scnn": run(scnn, shapes_scnn(), torch.float32),
    "ae-cnn": run(ae_cnn, shapes_ae_cnn(), torch.float64),
}
print(json.dumps(result, indent=1))
