"""exchange.py PROGRAM SCRATCH: mnist-fast, PyTorch and Keras each train networks, and all three run the weights of each.

The frameworks run in processes of their own: PyTorch and TensorFlow in one bring two copies of LLVM, which abort.
"""

import json
import subprocess
import sys
from pathlib import Path

import common
import numpy as np

LIMIT = 1e-5
PROGRAM, SCRATCH = Path(sys.argv[1]), Path(sys.argv[2])
TEST = SCRATCH / "t10k-images-idx3-ubyte"


def call(*command):
    """Standard output of a program that must succeed; what it says on standard error is shown if it does not."""
    command = [str(word) for word in command]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stderr}error: {' '.join(command)} ended with {done.returncode}")
    return done.stdout


def side(name, part):
    print(call(sys.executable, Path(__file__).with_name(f"{name}_side.py"), part, SCRATCH), end="", flush=True)


def ours(*words):
    return call(PROGRAM, *words)


def predict(file):
    lines = ours("predict", file, TEST, "--json").splitlines()
    return np.array([json.loads(line)["probabilities"] for line in lines], dtype=np.float32)


def train(folder, hidden, activation):
    words = ["--hidden", ",".join(map(str, hidden)) or "none", *(["--activation", activation] if hidden else [])]
    ours("train", "--epochs", 2, "--quiet", "--save", folder / "ours.safetensors", *words)


def export(folder, hidden, activation):
    """Every maker's weights in both formats; Keras' packed ones must give the same file as the others."""
    sources = {"ours": "ours.safetensors", "PyTorch": "PyTorch.safetensors", "Keras": "Keras, packed.npz"}
    for maker, source in sources.items():
        said = ["--activation", activation] if hidden else []
        for end in ("npz", "safetensors"):
            ours("export", folder / source, folder / f"{maker}, exported.{end}", *said)
    again = folder / "again.npz"
    ours("export", folder / "Keras.npz", again, *(["--activation", activation] if hidden else []))
    if again.read_bytes() != (folder / "Keras, exported.npz").read_bytes():
        raise SystemExit("error: the weights of np.savez and of np.savez_compressed are read as different ones")


def results(folder, maker, activation):
    """What gives the probabilities of a maker's weights: the first is what the others are held against."""
    files = {"ours": "ours.safetensors", "PyTorch": "PyTorch.safetensors", "Keras": "Keras.npz"}
    found = {}
    if maker != "ours":
        found["itself"] = np.load(folder / f"{maker} by itself.npy")
    if maker == "ours" or activation == "relu":
        found["us, its own file"] = predict(folder / files[maker])
    for end in ("safetensors", "npz"):
        found[f"us, {end}"] = predict(folder / f"{maker}, exported.{end}")
    for reader in ("PyTorch", "Keras"):
        found[reader] = np.load(folder / f"{maker} by {reader}.npy")
    return found


def compare(number, hidden, activation):
    """Prints how far apart they are; the largest difference."""
    worst = 0.0
    for maker in common.MAKERS:
        (first, expected), *others = results(common.folder(SCRATCH, number), maker, activation).items()
        differences = []
        for name, found in others:
            assert found.shape == expected.shape == (10_000, 10), (name, found.shape, expected.shape)
            differences.append((name, float(np.abs(found.astype(np.float64) - expected).max())))
        layers = "-".join(map(str, (784, *hidden, 10)))
        print(f"{layers}, {activation}, weights of {maker}: {first} against")
        for name, difference in differences:
            print(f"    {name:18} {difference:.2e}")
        worst = max(worst, *(difference for _, difference in differences))
    return worst


def main():
    TEST.write_bytes(common.idx(TEST.name, 0).tobytes())
    for number, network in enumerate(common.NETWORKS):
        common.folder(SCRATCH, number).mkdir()
        train(common.folder(SCRATCH, number), *network)
    side("torch", "train")
    side("keras", "train")
    for number, network in enumerate(common.NETWORKS):
        export(common.folder(SCRATCH, number), *network)
    side("torch", "predict")
    side("keras", "predict")
    worst = max(compare(number, *network) for number, network in enumerate(common.NETWORKS))
    print(f"the largest difference of any probability: {worst:.2e}, allowed are {LIMIT:.0e}")
    return 0 if worst <= LIMIT else 1


sys.exit(main())
