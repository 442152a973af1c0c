"""torch_side.py train|predict SCRATCH: PyTorch's part. It is trained with a leading Flatten, so that its keys start at 1."""

import sys

import common
import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

ACTIVATIONS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky-relu:0.01": lambda: nn.LeakyReLU(0.01),
}


def sequential(hidden, activation, first=()):
    layers, inputs = list(first), 784
    for outputs in hidden:
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, 10))


def probabilities(model):
    with torch.no_grad():
        return torch.softmax(model(torch.from_numpy(common.test())), dim=1).numpy()


def train(folder, hidden, activation):
    torch.manual_seed(1)
    model = sequential(hidden, activation, [nn.Flatten()])
    optimizer = torch.optim.Adam(model.parameters())
    images, labels = (torch.from_numpy(part) for part in common.training())
    for x, y in zip(images.split(common.BATCH), labels.split(common.BATCH)):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    save_file(model.state_dict(), folder / "PyTorch.safetensors")
    np.save(folder / "PyTorch by itself.npy", probabilities(model))


def predict(folder, hidden, activation):
    for maker in common.MAKERS:
        model = sequential(hidden, activation)
        model.load_state_dict(load_file(folder / f"{maker}, exported.safetensors"))
        np.save(folder / f"{maker} by PyTorch.npy", probabilities(model))


for number, network in enumerate(common.NETWORKS):
    {"train": train, "predict": predict}[sys.argv[1]](common.folder(sys.argv[2], number), *network)
print(f"PyTorch {torch.__version__}: {sys.argv[1]}")
