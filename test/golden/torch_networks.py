"""Makes torch-networks.json: loss and gradients of the systems in PyTorch.

    python3 test/golden/torch_networks.py > test/golden/torch-networks.json

Weights and images come from formulae that test/golden.test.ts repeats, so that only results are stored. All is in
doubles but SCNN, which would fire at other steps; MS-ResNet18 is held to stay clear of such ties.
"""
import json

import numpy as np
import torch
import torch.nn.functional as F
from pattern import pattern

torch.set_num_threads(1)
BATCH, STEPS, CLASSES = 3, 5, 4
LABELS = torch.tensor([2, 0, 3])


def images(size):
    return pattern((BATCH, 3, size, size), 0.5, 0.3, 0.5)


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
        x = F.max_pool2d(F.relu(F.conv2d(images(12), p["conv1.weight"], p["conv1.bias"], padding=1)), 2)
        s1, m1 = leaky(x, m1, p["lif1.beta"], p["lif1.threshold"])
        x = F.max_pool2d(F.relu(F.conv2d(s1, p["conv2.weight"], p["conv2.bias"], padding=1)), 2)
        s2, m2 = leaky(x, m2, p["lif2.beta"], p["lif2.threshold"])
        s3, m3 = leaky(F.linear(s2.flatten(1), p["fc.weight"], p["fc.bias"]), m3, p["lif3.beta"], p["lif3.threshold"])
        counts = counts + s3
        rates.append([s1.mean().item(), s2.mean().item(), s3.mean().item()])
    return counts, np.mean(rates, axis=0).tolist()


def ae_cnn(p):
    x = images(12).double()
    for i in (1, 2, 3):
        x = F.max_pool2d(F.relu(F.conv2d(x, p[f"conv{i}.weight"], p[f"conv{i}.bias"], padding=1)), 2)
    s = F.relu(F.linear(x.mean((2, 3)), p["se.squeeze.weight"], p["se.squeeze.bias"]))
    s = torch.sigmoid(F.linear(s, p["se.excite.weight"], p["se.excite.bias"]))
    x = F.relu(F.conv2d(x * s[:, :, None, None], p["conv4.weight"], p["conv4.bias"], padding=1))
    x = F.relu(F.linear(x.mean((2, 3)), p["fc1.weight"], p["fc1.bias"]))
    return F.linear(x, p["fc2.weight"], p["fc2.bias"]), []


def batch_norm(p, name, x, eps):
    return F.batch_norm(x, None, None, p[f"{name}.weight"], p[f"{name}.bias"], training=True, eps=eps)


def se_cnn(p):
    x = images(16).double()
    for i in (1, 2, 3, 4):
        x = F.conv2d(x, p[f"conv{i}.weight"], p[f"conv{i}.bias"], padding=1)
        x = F.max_pool2d(F.relu(batch_norm(p, f"bn{i}", x, 1e-3)), 2)
        mlp = lambda of, v: F.linear(
            F.relu(F.linear(v, p[f"attention{i}.{of}.squeeze.weight"])), p[f"attention{i}.{of}.excite.weight"]
        )
        s = torch.sigmoid(mlp("mean", x.mean((2, 3))) + mlp("max", x.amax((2, 3))))
        x = x * s[:, :, None, None]
    return F.linear(x.flatten(1), p["fc.weight"], p["fc.bias"]), []


class Rectangle(torch.autograd.Function):
    """Spike above 0; derivative 1 within half a unit of it."""

    @staticmethod
    def forward(ctx, x):
        # Nothing may be so near to a border that single precision could fall on the other side.
        for border in (-0.5, 0, 0.5):
            assert (x - border).abs().min() > 1e-6, (x - border).abs().min()
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x.abs() < 0.5)


def hard_reset_lif(currents, beta=0.25, threshold=0.5):
    """Currents [T, N, ...] to spikes; the membrane is set to 0 as soon as it has fired."""
    membrane, spikes = torch.zeros(()), []
    for current in currents:
        membrane = beta * membrane + current
        spikes.append(Rectangle.apply(membrane - threshold))
        membrane = membrane * (1 - spikes[-1].detach())
    return torch.stack(spikes)


AUTO_SIZE, LATENT = 16, 64
ENCODER, CLASSIFIER = (32, 64, 128, 256), (32, 64, 128, 256, 512)


def encoder(p, x, norm):
    for i in range(1, 5):
        x = F.conv2d(x, p[f"encoder.conv{i}.weight"], p[f"encoder.conv{i}.bias"], padding=1)
        x = F.max_pool2d(F.elu(norm(f"encoder.bn{i}", x)), 2)
    return F.linear(x.flatten(1), p["encoder.latent.weight"], p["encoder.latent.bias"])


def autoencoder(p):
    x = images(AUTO_SIZE).double()
    x = encoder(p, x, lambda name, x: batch_norm(p, name, x, 1e-3))
    x = F.elu(F.linear(x, p["decoder.dense.weight"], p["decoder.dense.bias"])).unflatten(1, (256, 1, 1))
    for i in range(1, 5):
        # Keras's `same`: of the row and the column that are too many, the last goes.
        y = F.conv_transpose2d(x, p[f"decoder.deconv{i}.weight"], p[f"decoder.deconv{i}.bias"], stride=2)
        x = F.elu(y[:, :, :-1, :-1]) if i < 4 else y[:, :, :-1, :-1]
    return x, []


def autoclassifier(p):
    # A frozen BatchNorm uses its running statistics, 0 and 1 at first.
    frozen = lambda name, x: x / (1 + 1e-3) ** 0.5 * p[f"{name}.weight"][:, None, None] + p[f"{name}.bias"][:, None, None]
    x = encoder(p, images(AUTO_SIZE).double(), frozen).unflatten(1, (LATENT // 4, 2, 2))
    for i in range(1, 6):
        x = F.conv2d(x, p[f"conv{i}.weight"], p[f"conv{i}.bias"], padding=1)
        x = F.relu(batch_norm(p, f"bn{i}", x, 1e-3))
        x = F.max_pool2d(F.pad(x, (0, 1, 0, 1), value=-torch.inf), 2, stride=1)
    return F.linear(x.flatten(1), p["fc.weight"], p["fc.bias"]), []


MS_STEPS, MS_WIDTH, MS_SIZE = 2, 8, 8


def ms_resnet18(p):
    """The image is presented at every step, as the paper does it, with time and batch normalised together."""
    mean, std = torch.tensor([[0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]], dtype=torch.float64)
    x = (images(MS_SIZE).double() - mean[:, None, None]) / std[:, None, None]
    x = x.repeat(MS_STEPS, 1, 1, 1)
    rates = []

    def lif(x):
        spikes = hard_reset_lif(x.unflatten(0, (MS_STEPS, BATCH))).flatten(0, 1)
        rates.append(spikes.mean().item())
        return spikes

    x = batch_norm(p, "bn1", F.conv2d(x, p["conv1.weight"], padding=3), 1e-5)
    for i in range(1, 9):
        b, stride = f"block{i}", 2 if i in (3, 5, 7) else 1
        y = F.conv2d(lif(x), p[f"{b}.conv1.weight"], stride=stride, padding=1)
        y = F.conv2d(lif(batch_norm(p, f"{b}.bn1", y, 1e-5)), p[f"{b}.conv2.weight"], padding=1)
        y = batch_norm(p, f"{b}.bn2", y, 1e-5)
        if stride == 2:
            x = batch_norm(p, f"{b}.bn3", F.conv2d(x, p[f"{b}.shortcut.weight"], stride=2), 1e-5)
        x = x + y
    features = lif(x).mean((2, 3)).unflatten(0, (MS_STEPS, BATCH)).mean(0)
    return F.linear(features, p["fc.weight"], p["fc.bias"]), rates


VISION_SIZE = 20
VISION_LAYERS = [(1, 5, 3), (2, 8, 5), (3, 16, 5), (4, 16, 5)]


def vision_net(p, before_norm=lambda i, x: x, behind_layer=lambda i, x: x, bare_first=False):
    """Four convolutions with a padding of 1, as the code of paper (d) has them; `bare_first`: as in its third."""
    x = (images(VISION_SIZE).double() - 0.5) / 0.5
    for i, _, _ in VISION_LAYERS:
        x = before_norm(i, F.conv2d(x, p[f"conv{i}.weight"], p[f"conv{i}.bias"], padding=1))
        if not (bare_first and i == 1):
            x = F.relu(batch_norm(p, f"bn{i}", x, 1e-5))
        if i == 2:
            x = F.max_pool2d(x, 2)
        x = behind_layer(i, x)
    x = F.adaptive_avg_pool2d(x, 7).flatten(1)
    x = F.relu(F.linear(x, p["fc1.weight"], p["fc1.bias"]))
    x = F.relu(F.linear(x, p["fc2.weight"], p["fc2.bias"]))
    return F.linear(x, p["fc3.weight"], p["fc3.bias"]), []


def elementwise(q, k, v, scope):
    scores = (q * k).flatten() if scope == "batch" else (q * k).flatten(1)
    return torch.softmax(scores, -1).reshape(q.shape) * v


def attention_cnn1(p):
    def attend(_, x):
        q, k, v = (x.detach() * p[f"attention.{of}.weight"] + p[f"attention.{of}.bias"] for of in QKV)
        return x + elementwise(q, k, v, "image")

    return vision_net(p, before_norm=attend)


def attention_cnn2(p, scope):
    def attend(i, x):
        named = lambda of, kind: p[f"attention{i}.{of}.{kind}"]
        q, k, v = (F.conv2d(x.detach(), named(of, "weight"), named(of, "bias")) for of in QKV)
        return x + elementwise(q, k, v, scope)

    return vision_net(p, before_norm=attend)


def attention_cnn3(p, axis=1, scaled=False, bare_first=True):
    def attend(i, x):
        tokens = x.detach().flatten(2)
        q, k = (F.linear(tokens, p[f"attention{i}.{of}.weight"], p[f"attention{i}.{of}.bias"]) for of in QKV[:2])
        scores = q @ k.transpose(1, 2) / (q.shape[2] ** 0.5 if scaled else 1)
        mixed = torch.softmax(scores, axis) @ tokens
        return torch.cat([x, mixed.reshape(x.shape)], 1)

    return vision_net(p, behind_layer=attend, bare_first=bare_first)


QKV = ["query", "key", "value"]


def shapes_vision(attention=None):
    channels, side = 3, VISION_SIZE
    if attention == 1:
        yield from [(f"attention.{of}.{kind}", s) for of in QKV for kind, s in (("weight", (1, 1)), ("bias", (1,)))]
    for i, filters, kernel in VISION_LAYERS:
        side = (side + 3 - kernel) // (2 if i == 2 else 1)
        yield from [(f"conv{i}.weight", (filters, channels, kernel, kernel)), (f"conv{i}.bias", (filters,))]
        if attention == 2:
            for of in QKV:
                yield from [(f"attention{i}.{of}.weight", (1, filters, 1, 1)), (f"attention{i}.{of}.bias", (1,))]
        yield from shapes_norm(f"bn{i}", filters)
        if attention == 3:
            for of in QKV[:2]:
                yield from [(f"attention{i}.{of}.weight", (8, side * side)), (f"attention{i}.{of}.bias", (8,))]
        channels = 2 * filters if attention == 3 else filters
    for name, o, i in (("fc1", 512, 49 * channels), ("fc2", 256, 512), ("fc3", CLASSES, 256)):
        yield from [(f"{name}.weight", (o, i)), (f"{name}.bias", (o,))]


def shapes_scnn():
    flat = 128 * (12 // 4) ** 2
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


def shapes_conv_norms(prefix, channels, widths):
    for i, filters in enumerate(widths, 1):
        yield from [(f"{prefix}conv{i}.weight", (filters, channels, 3, 3)), (f"{prefix}conv{i}.bias", (filters,))]
        yield from shapes_norm(f"{prefix}bn{i}", filters)
        channels = filters


def shapes_encoder():
    yield from shapes_conv_norms("encoder.", 3, ENCODER)
    yield from [("encoder.latent.weight", (LATENT, 256)), ("encoder.latent.bias", (LATENT,))]


def shapes_autoencoder():
    yield from shapes_encoder()
    yield from [("decoder.dense.weight", (256, LATENT)), ("decoder.dense.bias", (256,))]
    channels = 256
    for i, filters in enumerate((128, 64, 32, 3), 1):
        # PyTorch's transposed convolutions have their inputs first.
        yield from [(f"decoder.deconv{i}.weight", (channels, filters, 3, 3)), (f"decoder.deconv{i}.bias", (filters,))]
        channels = filters


def shapes_autoclassifier():
    yield from shapes_encoder()
    yield from shapes_conv_norms("", LATENT // 4, CLASSIFIER)
    yield from [("fc.weight", (CLASSES, 4 * 512)), ("fc.bias", (CLASSES,))]


def shapes_norm(name, channels):
    return [(f"{name}.weight", (channels,)), (f"{name}.bias", (channels,))]


def shapes_se_cnn():
    channels = 3
    for i, filters in ((1, 32), (2, 64), (3, 128), (4, 256)):
        yield from [(f"conv{i}.weight", (filters, channels, 3, 3)), (f"conv{i}.bias", (filters,))]
        yield from shapes_norm(f"bn{i}", filters)
        for of in ("mean", "max"):
            yield f"attention{i}.{of}.squeeze.weight", (filters // 8, filters)
            yield f"attention{i}.{of}.excite.weight", (filters, filters // 8)
        channels = filters
    yield from [("fc.weight", (CLASSES, 256)), ("fc.bias", (CLASSES,))]


def shapes_ms_resnet18():
    channels = MS_WIDTH
    yield from [("conv1.weight", (channels, 3, 7, 7)), *shapes_norm("bn1", channels)]
    for i in range(1, 9):
        filters = MS_WIDTH * 2 ** ((i - 1) // 2)
        yield f"block{i}.conv1.weight", (filters, channels, 3, 3)
        yield from shapes_norm(f"block{i}.bn1", filters)
        yield f"block{i}.conv2.weight", (filters, filters, 3, 3)
        yield from shapes_norm(f"block{i}.bn2", filters)
        if filters != channels:
            yield f"block{i}.shortcut.weight", (filters, channels, 1, 1)
            yield from shapes_norm(f"block{i}.bn3", filters)
        channels = filters
    yield from [("fc.weight", (CLASSES, channels)), ("fc.bias", (CLASSES,))]


def initial(name, shape, index):
    if name.endswith("beta"):
        return torch.tensor(0.75)
    if name.endswith("threshold"):
        return torch.tensor(0.5)
    fan_in = int(np.prod(shape[1:])) if len(shape) > 1 else 16
    return pattern(shape, 1.5 / fan_in**0.5, index + 1 if np.prod(shape) == 1 else index)


def run(forward, shapes, dtype, loss_of=lambda logits: F.cross_entropy(logits, LABELS), every=1):
    p = {n: initial(n, s, i).to(dtype).requires_grad_() for i, (n, s) in enumerate(shapes)}
    logits, rates = forward(p)
    loss = loss_of(logits)
    loss.backward()
    sample = lambda g: g.flatten()[:: max(1, g.numel() // 5)].tolist()
    used = {n: v.grad for n, v in p.items() if v.grad is not None}
    gradients = {n: {"norm": g.norm().item(), "sample": sample(g)} for n, g in used.items()}
    return {"loss": loss.item(), "logits": logits.flatten()[::every].tolist(), "rates": rates, "gradients": gradients}


result = {
    "torch": torch.__version__,
    "scnn": run(scnn, shapes_scnn(), torch.float32),
    "ae-cnn": run(ae_cnn, shapes_ae_cnn(), torch.float64),
    "se-cnn": run(se_cnn, shapes_se_cnn(), torch.float64),
    "autoclassifier": run(autoclassifier, shapes_autoclassifier(), torch.float64),
    "autoclassifier, pre-training": run(
        autoencoder,
        shapes_autoencoder(),
        torch.float64,
        loss_of=lambda again: F.mse_loss(again, images(AUTO_SIZE).double()),
        every=16,
    ),
    "ms-resnet18": run(ms_resnet18, shapes_ms_resnet18(), torch.float64),
    "vision-cnn": run(vision_net, shapes_vision(), torch.float64),
    "attention-cnn1": run(attention_cnn1, shapes_vision(1), torch.float64),
    "attention-cnn2": run(lambda p: attention_cnn2(p, "image"), shapes_vision(2), torch.float64),
    "attention-cnn2, batch": run(lambda p: attention_cnn2(p, "batch"), shapes_vision(2), torch.float64),
    "attention-cnn3": run(attention_cnn3, shapes_vision(3), torch.float64),
    "attention-cnn3, usual": run(
        lambda p: attention_cnn3(p, axis=2, scaled=True, bare_first=False), shapes_vision(3), torch.float64
    ),
}
print(json.dumps(result, indent=1))
