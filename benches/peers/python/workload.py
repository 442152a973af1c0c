"""What the peers in Python share: their options, MNIST's files, Glorot's law, the lines they print.

The same training everywhere: the first 10,000 training images are for validation, the other 50,000 are shuffled every
epoch and taken 64 at a time; 784-128-128-10 with ReLU; cross-entropy; RMSprop with the constants below, epsilon inside
the root. An epoch's seconds include its shuffle and its validation, but no reading and no compiling of anything that
is not part of an epoch.
"""

import argparse
import json
import sys
from pathlib import Path

SIZES = (784, 128, 128, 10)
BATCH = 64
VALIDATION = 10_000
RATE, RHO, EPSILON = 1e-3, 0.9, 1e-7


def options(*modes):
    """--data, --epochs, --seed, --threads, and --mode if there are modes, of which the first is the default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, type=Path, help="folder of MNIST's raw IDX files")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    if modes:
        parser.add_argument("--mode", choices=modes, default=modes[0])
    return parser.parse_args()


def read(folder):
    """Training images (50,000 x 784, float32 in 0..1) and labels (int64), then those for validation."""
    import numpy as np

    pixels = np.frombuffer((folder / "train-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
    labels = np.frombuffer((folder / "train-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8)
    if pixels.size != 60_000 * SIZES[0] or labels.size != 60_000:
        sys.exit(f"error: {folder} does not hold MNIST's 60,000 training images")
    images = pixels.reshape(-1, SIZES[0]).astype(np.float32) / np.float32(255)
    labels = labels.astype(np.int64)
    return images[VALIDATION:], labels[VALIDATION:], images[:VALIDATION], labels[:VALIDATION]


def glorot(random, inputs, outputs):
    """Initial weights [inputs, outputs]."""
    import numpy as np

    limit = np.sqrt(6.0 / (inputs + outputs))
    return random.uniform(-limit, limit, size=(inputs, outputs)).astype(np.float32)


def print_start(version, isa):
    """The versions that matter for speed, and what the peer says of its instruction sets."""
    print(json.dumps({"version": version, "isa": isa}), flush=True)


def print_epoch(epoch, seconds, val_accuracy, **more):
    """One epoch's line; epochs count from 1."""
    line = {"epoch": epoch, "seconds": seconds, **more, "val_accuracy": val_accuracy}
    print(json.dumps({name: round(float(value), 6) for name, value in line.items()} | {"epoch": epoch}), flush=True)


def openblas():
    """The kernels that the OpenBLAS libraries in this process chose, as `OpenBLAS Cooperlake`."""
    from threadpoolctl import threadpool_info

    found = {f"{pool['internal_api']} {pool.get('architecture', '')}".strip() for pool in threadpool_info()}
    blas = sorted(name.replace("openblas", "OpenBLAS") for name in found if "blas" in name or "mkl" in name)
    return ", ".join(blas) or "unknown BLAS"
