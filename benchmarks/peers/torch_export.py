#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Exports the networks that infer_side described, the way PyTorch does, and a model without layers.

usage: torch_export.py FOLDER

Makes FOLDER/I/torch.onnx for every I, after a check that PyTorch computes what our executor does, and
FOLDER/identity.onnx.
"""
import sys
import warnings
from pathlib import Path

import onnx
import torch
from torch_network import alone, difference, read_json, read_tensors


def export_member(folder):
    network = alone(read_json(folder / "network.json"), read_tensors(folder / "weights.safetensors")).eval()
    check = read_tensors(folder / "check.safetensors")
    with torch.no_grad():
        worst = difference(network(check["images"]), check["logits"])
    if not worst <= 1e-4:
        sys.exit(f"PyTorch and lathe compute different logits for {folder.name}: {worst:.2g}")
    warnings.simplefilter("ignore", DeprecationWarning)  # the other exporter needs more packages
    torch.onnx.export(network, (check["images"][:1],), str(folder / "torch.onnx"), dynamo=False,
                      input_names=["image"], output_names=["logits"],
                      dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}})


def export_identity(path):
    def value(name):
        return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", 3, 32, 32])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["image"], ["copy"])], "identity",
                                   [value("image")], [value("copy")])
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)


def main(folder):
    for member in sorted(p for p in folder.iterdir() if p.is_dir()):
        export_member(member)
    export_identity(folder / "identity.onnx")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
