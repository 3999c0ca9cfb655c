#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch's training step, in every mode that may be its best.

usage: torch_train.py FOLDER THREADS

FOLDER describes the step (programs/train_step.cpp). The first answer, to any line, tells which modes
there are and why others are not; before it each mode was checked against our results. A line
"MODE STEPS" asks for a turn: one step that is not counted, STEPS that are.
"""
import gc
import json
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch_network import Network, key, parameters, read_json, read_tensors

MODES = [f"{precision}_{form}" for precision in ("f32", "bf16") for form in ("eager", "channels_last", "compiled")]


class Trainer:
    def __init__(self, folder, mode):
        precision, form = mode.split("_", 1)
        step = read_json(folder / "step.json")
        settings = step["settings"]
        batch = read_tensors(folder / "batch.safetensors")
        layout = torch.contiguous_format if form == "eager" else torch.channels_last
        self.bf16 = precision == "bf16"
        self.label_smoothing, self.clip_norm = settings["label_smoothing"], settings["clip_norm"]
        self.images = batch["images"].contiguous(memory_format=layout)
        self.labels = batch["labels"].long()
        self.tensors = parameters(read_tensors(folder / "before.safetensors"), layout)
        self.networks = [Network(description, self.tensors).train() for description in step["networks"]]
        self.sizes = [tuple(network.image_shape[1:]) for network in self.networks]
        if form == "compiled":
            self.networks = [torch.compile(network, dynamic=False) for network in self.networks]
        weights = [t for t in self.tensors.values() if t.dim() > 1]
        others = [t for t in self.tensors.values() if t.dim() == 1]
        self.optimizer = torch.optim.SGD(
            [{"params": weights, "weight_decay": settings["weight_decay"]}, {"params": others}],
            settings["learning_rate"], momentum=settings["momentum"], nesterov=True, fused=True)

    def logits(self, network, size):
        images = self.images
        if tuple(images.shape[2:]) != size:
            images = F.interpolate(images, size=size, mode="bilinear", align_corners=False)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            return network(images).float()

    def step(self):
        """Forward, backward, clip and update. Returns the loss of the first network."""
        self.optimizer.zero_grad(set_to_none=True)
        teacher = first_loss = None
        for network, size in zip(self.networks, self.sizes):
            logits = self.logits(network, size)
            if teacher is None:
                loss = first_loss = F.cross_entropy(logits, self.labels, label_smoothing=self.label_smoothing)
                teacher = logits.detach().softmax(1)
            else:
                loss = F.cross_entropy(logits, teacher)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.tensors.values(), self.clip_norm, foreach=True)
        self.optimizer.step()
        return float(first_loss.detach())

    def turn(self, steps):
        times = []
        for _ in range(steps + 1):
            start = time.perf_counter()
            self.step()
            times.append(time.perf_counter() - start)
        return times[1:]


def change(folder, after):
    """What a step does to all weights, as one vector."""
    before = read_tensors(folder / "before.safetensors")
    return torch.cat([(after[key(name)] - t).flatten() for name, t in before.items()])


def check(folder, trainers, losses):
    """One step of plain PyTorch changes the weights as ours does; the other modes have its loss."""
    ours = change(folder, {key(name): t for name, t in read_tensors(folder / "after.safetensors").items()})
    theirs = change(folder, {name: t.detach() for name, t in trainers["f32_eager"].tensors.items()})
    if not float((ours - theirs).norm() / theirs.norm()) < 0.02:
        sys.exit("PyTorch and lathe change the weights differently")
    for mode, loss in losses.items():
        if not abs(loss / losses["f32_eager"] - 1) < (0.05 if mode.startswith("bf16") else 1e-4):
            sys.exit(f"the loss of {mode} is {loss}, not {losses['f32_eager']}")


def prepare(folder):
    trainers, skipped, losses = {}, {}, {}
    for mode in MODES:
        try:
            trainer = Trainer(folder, mode)
            losses[mode] = trainer.step()
            trainers[mode] = trainer
        except Exception as problem:  # a mode that this version or this machine does not have
            skipped[mode] = f"{type(problem).__name__}: {problem}".split("\n")[0]
    check(folder, trainers, losses)
    return trainers, skipped


def main(folder, threads):
    torch.set_num_threads(threads)
    torch._dynamo.config.recompile_limit = 64  # one graph for each network of a step
    trainers, skipped = prepare(folder)
    sys.stdin.readline()
    print(json.dumps({"modes": list(trainers), "skipped": skipped}), flush=True)
    gc.disable()
    for line in sys.stdin:
        mode, steps = line.split()
        seconds = trainers[mode].turn(int(steps))
        gc.collect()  # before the answer: after it the others have their turns
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
