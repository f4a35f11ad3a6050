"""A network in ONNX Runtime, to be timed (protocol.py): onnx_worker.py '{"file", "size", "batch", "threads"}'."""
import json
import sys

import numpy as np
import onnxruntime as ort
from protocol import idle_mib, serve

job = json.loads(sys.argv[1])
idle = idle_mib()
options = ort.SessionOptions()
options.intra_op_num_threads = job["threads"]
options.inter_op_num_threads = 1
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
options.add_session_config_entry("session.set_denormal_as_zero", "1")
session = ort.InferenceSession(job["file"], options, providers=["CPUExecutionProvider"])
images = np.random.default_rng(0).random((job["batch"], 3, job["size"], job["size"]), dtype=np.float32)
serve(lambda: session.run(None, {"images": images}), idle, {"onnxruntime": ort.__version__})
