"""keras_side.py train|predict SCRATCH: Keras' part, on TensorFlow."""

import os
import sys

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}

import common
import keras
import numpy as np

ACTIVATIONS = {
    "relu": lambda: keras.layers.ReLU(),
    "tanh": lambda: keras.layers.Activation("tanh"),
    "sigmoid": lambda: keras.layers.Activation("sigmoid"),
    "leaky-relu:0.01": lambda: keras.layers.LeakyReLU(negative_slope=0.01),
}


def sequential(hidden, activation):
    layers = [keras.layers.Input((784,))]
    for outputs in hidden:
        layers += [keras.layers.Dense(outputs), ACTIVATIONS[activation]()]
    return keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")])


def probabilities(model):
    return model.predict(common.test(), batch_size=1000, verbose=0)


def train(folder, hidden, activation):
    keras.utils.set_random_seed(1)
    model = sequential(hidden, activation)
    model.compile("rmsprop", "sparse_categorical_crossentropy")
    model.fit(*common.training(), batch_size=common.BATCH, verbose=0)
    np.savez(folder / "Keras.npz", *model.get_weights())
    np.savez_compressed(folder / "Keras, packed.npz", *model.get_weights())
    np.save(folder / "Keras by itself.npy", probabilities(model))


def predict(folder, hidden, activation):
    for maker in common.MAKERS:
        model = sequential(hidden, activation)
        model.set_weights(list(np.load(folder / f"{maker}, exported.npz").values()))
        np.save(folder / f"{maker} by Keras.npy", probabilities(model))


for number, network in enumerate(common.NETWORKS):
    {"train": train, "predict": predict}[sys.argv[1]](common.folder(sys.argv[2], number), *network)
print(f"Keras {keras.__version__}, numpy {np.__version__}: {sys.argv[1]}")
