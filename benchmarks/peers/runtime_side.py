#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime or OpenVINO at their best: f32, one thread, input and output buffers of their own.

usage: runtime_side.py onnxruntime|openvino FOLDER

A line "MODEL BATCH SECONDS" asks for a turn on FOLDER/MODEL: single calls for that long, in ns.
FOLDER/I/check.safetensors says what the models of FOLDER/I must compute; it is checked before a model
is timed.
"""
import gc
import json
import sys
import time
from pathlib import Path

import numpy

WARM_UP_CALLS = 20
TOLERANCE = 1e-3


def read_tensors(path):
    data = Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {name: numpy.frombuffer(data[start + entry["data_offsets"][0]:start + entry["data_offsets"][1]],
                                   dtype="<f4").reshape(entry["shape"]) for name, entry in header.items()}


def make_onnxruntime(path, images, logits):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.add_free_dimension_override_by_name("batch", len(images))
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    source = onnxruntime.OrtValue.ortvalue_from_numpy(images)
    target = onnxruntime.OrtValue.ortvalue_from_numpy(logits)
    binding.bind_ortvalue_input(session.get_inputs()[0].name, source)
    binding.bind_ortvalue_output(session.get_outputs()[0].name, target)
    return lambda: session.run_with_iobinding(binding), target.numpy


def make_openvino(path, images, logits):
    import openvino
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape(list(images.shape))
    compiled = core.compile_model(model, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1,
        "INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False})
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(images, shared_memory=True))
    request.set_output_tensor(openvino.Tensor(logits, shared_memory=True))

    def call(keep_alive=(images, logits)):  # the tensors do not own their memory
        request.infer(share_outputs=True)
    return call, lambda: logits


MAKERS = {"onnxruntime": make_onnxruntime, "openvino": make_openvino}


class Models:
    def __init__(self, runtime, folder):
        self.make, self.folder, self.calls = MAKERS[runtime], folder, {}

    def call(self, model, batch):
        if (model, batch) not in self.calls:
            self.calls[model, batch] = self.checked(model, batch)
        return self.calls[model, batch]

    def checked(self, model, batch):
        path = self.folder / model
        if path.parent == self.folder:  # the identity
            images = numpy.ones((batch, 3, 32, 32), numpy.float32)
            expected = images
        else:
            check = read_tensors(path.parent / "check.safetensors")
            images, expected = check["images"][:batch].copy(), check["logits"][:batch]
        call, result = self.make(path, images, numpy.zeros_like(expected))
        call()
        worst = numpy.abs(result() - expected).max() / numpy.abs(expected).max()
        if not worst <= TOLERANCE:
            sys.exit(f"{model} computes something else: relative difference {worst:.2g}")
        return call


def turn(call, seconds):
    for _ in range(WARM_UP_CALLS):
        call()
    times, clock = [], time.perf_counter_ns
    start = clock()
    end = start + int(1e9 * seconds)
    while start < end:
        call()
        now = clock()
        times.append(now - start)
        start = clock()
    return times


def main(runtime, folder):
    models = Models(runtime, Path(folder))
    gc.disable()
    for line in sys.stdin:
        model, batch, seconds = line.split()
        times = turn(models.call(model, int(batch)), float(seconds))
        print(json.dumps({"ns": times}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
