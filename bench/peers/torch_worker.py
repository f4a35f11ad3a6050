"""A network in PyTorch, to be timed (protocol.py).

    torch_worker.py '{"task": "train" | "infer" | "check", "system", "size", "batch", "steps", "threads", "gain",
                      "optimizer", "library", "form", "layout": "nchw" | "nhwc", "compile": bool}'

To be checked, it takes weights, images and labels from "file" (written by Soma's worker), leaves dropout out, and prints
its "losses" before and after a step of gradient descent.
"""
import json
import sys

import torch
import torch.nn.functional as F
from networks import make_network, make_optimizer, weights
from protocol import idle_mib, serve
from spiking import Spiking

job = json.loads(sys.argv[1])
library = job.get("library", "plain")
versions = {"torch": torch.__version__, "python": sys.version.split()[0]}
if library != "plain":
    from importlib.metadata import version

    versions[library] = version(library)
    __import__({"snntorch": "snntorch", "spikingjelly": "spikingjelly.activation_based.neuron"}[library])
torch.set_num_threads(job["threads"])
torch.set_flush_denormal(True)
idle = idle_mib()

net = make_network(job["system"], job["size"], job["steps"], library, job.get("form", "multistep"))
facts = {"parameters": sum(p.numel() for p in weights(net))}
images = torch.rand(job["batch"], 3, job["size"], job["size"]) * job["gain"]
labels = torch.randint(0, 8, (job["batch"],))


def check():
    numbers = torch.from_file(job["file"], size=facts["parameters"] + images.numel() + len(labels))
    parts = numbers.split([p.numel() for p in weights(net)] + [images.numel(), len(labels)])
    with torch.no_grad():
        for p, part in zip([*weights(net), images, labels], parts):
            p.copy_(part.view_as(p))
    for layer in net.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    optimizer = torch.optim.SGD(net.parameters(), lr=job["lr"])
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(json.dumps({"losses": losses, **facts}))


if job["task"] == "check":
    check()
    sys.exit()

if job.get("layout") == "nhwc":
    net = net.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)

if isinstance(net, Spiking):
    net.watching = True
    with torch.no_grad():
        net(images)
    net.watching = False
    facts["rates"] = [round(rate, 4) for rate in net.rates]

optimizer = make_optimizer(job["optimizer"], net)
forward = torch.compile(net) if job.get("compile") else net


def train():
    optimizer.zero_grad(set_to_none=True)
    F.cross_entropy(forward(images), labels).backward()
    optimizer.step()


def infer():
    with torch.inference_mode():
        forward(images)


if job["task"] == "infer":
    net.eval()
serve(train if job["task"] == "train" else infer, idle, versions, **facts)
