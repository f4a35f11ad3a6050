"""Makes torch-grad-cam.json: Grad-CAM of four systems in PyTorch, by pytorch-grad-cam 1.5.7 where it knows the network.

    pip install grad-cam && python3 test/golden/torch_grad_cam.py > test/golden/torch-grad-cam.json

Weights and images come from the formula of pattern.py, which test/grad-cam.test.ts repeats.
"""
import json
import sys
from pathlib import Path

import torch

here = Path(__file__).parent
sys.path[:0] = [str(here), str(here.parent.parent / "bench" / "peers")]
from grad_cam import by_library, hooked, scaled, statistics
from networks import make_network, weights
from pattern import pattern

SIZE, STEPS, BATCH = 24, 4, 3


def fill(net):
    for i, p in enumerate(weights(net)):
        fan_in = p[0].numel() if p.dim() > 1 else 16
        p.copy_(pattern(tuple(p.shape), 1.5 / fan_in**0.5, i))
    for i, x in enumerate(statistics(net)):
        x.copy_(pattern(tuple(x.shape), 0.3, i, i % 2))


def golden(system):
    net = make_network(system, SIZE, STEPS).eval()
    with torch.no_grad():
        fill(net)
    images = pattern((BATCH, 3, SIZE, SIZE), 0.5, 0.3, 0.5)
    spiking = system == "scnn"
    steps = STEPS if spiking else 1
    # A class for which something in the first image speaks.
    first = next(k for k in range(8) if hooked(net, images, [k, 0, 5], steps)[0].max() > 0)
    classes = [first, 0, 5]
    raw = hooked(net, images, classes, steps)
    heat = scaled(raw, (SIZE, SIZE))
    if not spiking:
        # The library stretches the enlarged map to [0, 1] once more.
        apart = (by_library(net, images, classes) - scaled(heat, (SIZE, SIZE))).abs().max()
        assert apart < 1e-5, apart
    numbers = lambda x: [float(f"{v:.6g}") for v in x.flatten().tolist()]
    return {
        "classes": classes,
        "raw": [numbers(each) for each in raw],
        "heat": [round(x, 4) for x in heat[0].flatten().tolist()],
    }


print(json.dumps({system: golden(system) for system in ("se-cnn", "ae-cnn", "vgg", "scnn")}))
