#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What ONNX Runtime allocates for activations in the second run of a model.

usage: onnxruntime_memory.py MODEL BATCH

The first run finds the memory pattern and gives all that it took back (arena shrinkage); the arena is
extended by what is requested and no more; weights lie outside of it. The arena tells every extension
in the log, which is the only place: the sum of those of the second run is printed.
"""
import json
import os
import re
import sys
import tempfile

import numpy
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import OrtArenaCfg, OrtMemoryInfo

SAME_AS_REQUESTED = 1


def make_session(model, batch):
    onnxruntime.set_default_logger_severity(1)
    info = OrtMemoryInfo("Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT)
    onnxruntime.create_and_register_allocator(info, OrtArenaCfg({"arena_extend_strategy": SAME_AS_REQUESTED}))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_pattern = True
    options.enable_cpu_mem_arena = True
    options.log_severity_level = 1
    options.add_free_dimension_override_by_name("batch", batch)
    options.add_session_config_entry("session.use_env_allocators", "1")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def main(model, batch):
    log = tempfile.TemporaryFile()
    messages = os.dup(2)
    os.dup2(log.fileno(), 2)
    session = make_session(model, batch)
    value = session.get_inputs()[0]
    feed = {value.name: numpy.ones((batch, *value.shape[1:]), numpy.float32)}
    shrink = onnxruntime.RunOptions()
    shrink.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    session.run(None, feed, shrink)
    start = os.lseek(2, 0, os.SEEK_END)
    session.run(None, feed)
    os.dup2(messages, 2)
    log.seek(start)
    extensions = [int(n) for n in re.findall(r"Extended allocation by (\d+) bytes", log.read().decode())]
    if not extensions:
        sys.exit("ONNX Runtime's log tells of no allocation in the second run")
    print(json.dumps({"onnxruntime": sum(extensions), "extensions": extensions}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
