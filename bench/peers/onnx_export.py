"""Writes a network as ONNX: onnx_export.py '{"system", "size", "batch", "steps", "file"}'."""
import json
import sys

import torch
from networks import make_network

job = json.loads(sys.argv[1])
net = make_network(job["system"], job["size"], job["steps"]).eval()
images = torch.rand(job["batch"], 3, job["size"], job["size"])
with torch.no_grad():
    torch.onnx.export(
        net, (images,), job["file"], input_names=["images"], output_names=["logits"], dynamo=True, external_data=False
    )
