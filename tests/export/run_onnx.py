# SPDX-License-Identifier: Apache-2.0
"""Does ONNX Runtime compute what each folder expects?

usage: run_onnx.py FOLDER...

A folder holds model.onnx, input.bin and expected.bin: little-endian f32. input.bin has the model's
inputs one after the other, each (images, ...); expected.bin has its outputs in the same way. The
model must pass the checker of the onnx package with shape inference, and agree at batches 1 and 7
within 1e-4 * max(1, largest |expected|) in every element. Prints one line per folder that fails and
then "N of M agree"; the exit code is 0 if all do.
"""
import math
import pathlib
import sys

import numpy
import onnx
import onnxruntime

TOLERANCE = 1e-4


def image_shape(value):
    """Extents behind the batch, which must be the symbol "batch"."""
    if not value.shape or value.shape[0] != "batch":
        raise ValueError(f"{value.name} has shape {value.shape}, not a symbolic batch first")
    return tuple(value.shape[1:])


def split(numbers, shapes, images):
    """One array (images, ...) for each shape."""
    arrays = []
    for shape in shapes:
        size = images * math.prod(shape)
        arrays.append(numbers[:size].reshape(images, *shape))
        numbers = numbers[size:]
    if numbers.size:
        raise ValueError(f"{numbers.size} numbers too many")
    return arrays


def check(folder):
    """Raises with the reason if the folder's model does not pass."""
    path = folder / "model.onnx"
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    numbers = numpy.fromfile(folder / "input.bin", dtype="<f4")
    shapes = [image_shape(value) for value in session.get_inputs()]
    images, rest = divmod(numbers.size, sum(math.prod(shape) for shape in shapes))
    if rest or images < 7:
        raise ValueError(f"input.bin has {numbers.size} numbers, not those of 7 images or more")
    inputs = split(numbers, shapes, images)
    output_shapes = [image_shape(value) for value in session.get_outputs()]
    expected = split(numpy.fromfile(folder / "expected.bin", dtype="<f4"), output_shapes, images)

    names = [value.name for value in session.get_inputs()]
    for batch in (1, 7):
        for first in range(0, images, batch):
            rows = slice(first, first + batch)
            results = session.run(None, {n: x[rows] for n, x in zip(names, inputs)})
            for value, got, whole in zip(session.get_outputs(), results, expected):
                want = whole[rows]
                if got.shape != want.shape:
                    raise ValueError(f"{value.name} has shape {got.shape}, not {want.shape}")
                allowed = TOLERANCE * max(1.0, float(numpy.abs(whole).max()))
                worst = float(numpy.abs(got - want).max())
                if not worst <= allowed:  # also catches NaN
                    raise ValueError(f"{value.name} differs by {worst:.3g}, allowed is "
                                     f"{allowed:.3g} (batch {batch}, images from {first})")


def main(folders):
    agree = 0
    for folder in map(pathlib.Path, folders):
        try:
            check(folder)
            agree += 1
        except Exception as problem:  # every library has its own types; all of them are failures
            print(f"{folder.name}: {type(problem).__name__}: {problem}")
    print(f"{agree} of {len(folders)} agree")
    return 0 if agree == len(folders) and folders else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
