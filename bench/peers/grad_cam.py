"""Grad-CAM in PyTorch, for Soma's to be held against: of the last convolution, for a class of each image.

    grad_cam.py '{"system", "size", "steps", "images", "classes": [...], "file"}'

"file" holds numbers written by Soma: weights, BatchNorms' running means and variances, of spiking networks beta and
threshold of each layer, and images. Prints {"by", "maps"}: each map as large as the image, in [0, 1].

Networks without time go through pytorch-grad-cam. It knows no time: for spiking ones the same is done here by hooks, each
step with weights of its own.
"""
import json
import sys

import torch
import torch.nn.functional as F
from networks import make_network, weights
from torch import nn


def last_convolution(net):
    return [layer for layer in net.modules() if isinstance(layer, nn.Conv2d) and layer.out_channels > 1][-1]


def hooked(net, images, classes, steps=1):
    """[N, h, w], the sum over steps, before ReLU and scaling."""
    kept = []

    def keep(_, __, output):
        output.retain_grad()
        kept.append(output)

    handle = last_convolution(net).register_forward_hook(keep)
    logits = net(images)
    handle.remove()
    logits[torch.arange(len(classes)), classes].sum().backward()
    (maps,) = kept
    terms = (maps.grad.mean((2, 3), keepdim=True) * maps).sum(1)
    return terms.unflatten(0, (steps, len(classes))).sum(0).detach()


def scaled(maps, size):
    """ReLU, each from 0 to 1, and as large as the image."""
    maps = maps.relu()
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    maps = (maps - low) / (high - low).clamp(min=1e-7)
    return F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def by_library(net, images, classes):
    """None where the library is not installed."""
    try:
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    except ImportError:
        return None
    with GradCAM(model=net, target_layers=[last_convolution(net)]) as cam:
        return torch.from_numpy(cam(input_tensor=images, targets=[ClassifierOutputTarget(k) for k in classes]))


def statistics(net):
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    return [x for norm in norms for x in (norm.running_mean, norm.running_var)]


def constants(net):
    return [p for name, p in net.named_parameters() if name.endswith(("beta", "threshold"))]


def main():
    job = json.loads(sys.argv[1])
    size, classes = job["size"], job["classes"]
    net = make_network(job["system"], size, job["steps"]).eval()
    images = torch.zeros(len(classes), 3, size, size)
    into = [*weights(net), *statistics(net), *constants(net), images]
    numbers = torch.from_file(job["file"], size=sum(x.numel() for x in into))
    with torch.no_grad():
        for x, part in zip(into, numbers.split([x.numel() for x in into])):
            x.copy_(part.view_as(x))
    spiking = len(constants(net)) > 0
    maps = None if spiking else by_library(net, images, classes)
    by = "hooks" if maps is None else "pytorch-grad-cam"
    if maps is None:
        maps = scaled(hooked(net, images, classes, job["steps"] if spiking else 1), (size, size))
    print(json.dumps({"by": by, "maps": [[round(x, 6) for x in each.flatten().tolist()] for each in maps]}))


if __name__ == "__main__":
    main()
