# SPDX-License-Identifier: Apache-2.0
"""Networks that our programs describe (describe() in programs/networks.hpp), in PyTorch."""
import json
from pathlib import Path

import torch
import torch.nn.functional as F


def read_json(path):
    return json.loads(Path(path).read_text())


def read_tensors(path):
    """The tensors of a safetensors file by name."""
    data = bytearray(Path(path).read_bytes())
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    return {name: torch.frombuffer(data, dtype=torch.float32, offset=start + entry["data_offsets"][0],
                                   count=(entry["data_offsets"][1] - entry["data_offsets"][0]) // 4)
            .reshape(entry["shape"]).clone() for name, entry in header.items()}


def key(tensor_name):
    """Names of parameters in PyTorch have no dots."""
    return tensor_name.replace(".", "_")


def parameters(tensors, layout=torch.contiguous_format):
    return torch.nn.ParameterDict({
        key(name): t.to(memory_format=layout) if t.dim() == 4 else t for name, t in tensors.items()})


def is_parameter(attribute):
    return isinstance(attribute, dict) and "tensor" in attribute


class Network(torch.nn.Module):
    """`tensors`: a ParameterDict, which may be shared; a layer uses the slice that it names."""

    def __init__(self, description, tensors):
        super().__init__()
        self.layers, self.output, self.tensors = description["layers"], description["output"], tensors
        # A norm's mean and variance, for evaluation; no statistics are gathered in training.
        for channels in {self.take(layer["scale"]).numel() for layer in self.layers if "scale" in layer}:
            self.register_buffer(f"mean_{channels}", torch.zeros(channels))
            self.register_buffer(f"variance_{channels}", torch.ones(channels))

    @property
    def image_shape(self):
        return self.layers[0]["shape"]

    def take(self, parameter):
        tensor = self.tensors[key(parameter["tensor"])]
        if parameter["ranges"] == [[0, n] for n in tensor.shape]:
            return tensor
        return tensor[tuple(slice(begin, end) for begin, end in parameter["ranges"])]

    def forward(self, image):
        values = []
        for layer in self.layers:
            inputs = [values[i] for i in layer["inputs"]]
            values.append(getattr(self, layer["op"])(layer, *inputs) if inputs else image)
        return values[self.output]

    def conv2d(self, layer, x):
        return F.conv2d(x, self.take(layer["weight"]), None, layer["stride"], layer["padding"], 1, layer["groups"])

    def batch_norm(self, layer, x):
        scale, shift = self.take(layer["scale"]), self.take(layer["shift"])
        if self.training:
            return F.batch_norm(x, None, None, scale, shift, True, 0.0, layer["epsilon"])
        channels = scale.numel()
        return F.batch_norm(x, getattr(self, f"mean_{channels}"), getattr(self, f"variance_{channels}"),
                            scale, shift, False, 0.0, layer["epsilon"])

    def activation(self, layer, x):
        if layer["kind"] == "hard_swish":
            return F.hardswish(x)  # in place it would keep a copy of its input for the way back
        return {"relu": F.relu, "relu6": F.relu6}[layer["kind"]](x, inplace=self.training)

    def add(self, layer, a, b):
        return a + b

    def global_pool(self, layer, x):
        return F.adaptive_avg_pool2d(x, 1).flatten(1)

    def linear(self, layer, x):
        return F.linear(x, self.take(layer["weight"]), self.take(layer["bias"]))


def alone(description, tensors):
    """The network with tensors of its own, which hold its slices and no more."""
    shared, own, layers = Network(description, parameters(tensors)), {}, []
    for layer in description["layers"]:
        layer = dict(layer)
        for name, attribute in layer.items():
            if is_parameter(attribute):
                tensor = shared.take(attribute).detach().clone()
                own[attribute["tensor"]] = tensor
                layer[name] = {"tensor": attribute["tensor"], "ranges": [[0, n] for n in tensor.shape]}
        layers.append(layer)
    return Network({"layers": layers, "output": description["output"]}, parameters(own))


def difference(ours, theirs):
    """Largest difference, relative to the largest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-30))
