"""A network in PyTorch, to be timed (protocol.py).

    torch_worker.py '{"task": "train" | "infer", "system", "size", "batch", "steps", "threads", "gain",
                      "library", "form", "layout": "nchw" | "nhwc", "compile": bool}'
"""
import json
import sys

import torch
import torch.nn.functional as F
from networks import Spiking, make_network, make_optimizer
from protocol import idle_mib, serve

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
images = torch.rand(job["batch"], 3, job["size"], job["size"]) * job["gain"]
labels = torch.randint(0, 8, (job["batch"],))
if job.get("layout") == "nhwc":
    net = net.to(memory_format=torch.channels_last)
    images = images.contiguous(memory_format=torch.channels_last)

facts = {}
if isinstance(net, Spiking):
    net.watching = True
    with torch.no_grad():
        net(images)
    net.watching = False
    facts["rates"] = [round(rate, 4) for rate in net.rates]

optimizer = make_optimizer(job["system"], net)
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
