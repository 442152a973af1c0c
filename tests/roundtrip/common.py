"""What both frameworks are given: the networks, the images, and a folder for each network's files."""

import gzip
from pathlib import Path

import numpy as np

# Hidden layers and their activation, as our options name it.
NETWORKS = [
    ((128, 128), "relu"),
    ((64,), "tanh"),
    ((32, 16), "sigmoid"),
    ((48, 24), "leaky-relu:0.01"),
    ((), "relu"),
]
MAKERS = ("ours", "PyTorch", "Keras")
MNIST = Path(__file__).resolve().parent.parent.parent / "data" / "mnist"
TRAINING_IMAGES, BATCH = 20_000, 64


def folder(scratch, number):
    """The files of one network: a maker's weights, and a maker's weights by a reader.npy, the probabilities."""
    return Path(scratch) / f"network-{number}"


def idx(name, header):
    return np.frombuffer(gzip.decompress((MNIST / f"{name}.gz").read_bytes())[header:], np.uint8)


def pixels(name):
    return idx(name, 16).reshape(-1, 784).astype(np.float32) / np.float32(255)


def training():
    labels = idx("train-labels-idx1-ubyte", 8).astype(np.int64)
    return pixels("train-images-idx3-ubyte")[:TRAINING_IMAGES], labels[:TRAINING_IMAGES]


def test():
    return pixels("t10k-images-idx3-ubyte")
