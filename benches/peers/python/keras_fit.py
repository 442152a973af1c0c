"""Keras 3 on TensorFlow: the tutorial's own code.

fit     model.fit as it is
tuned   compiled by XLA, 391 steps a call: fewest returns to Python

No seed: after keras.utils.set_random_seed, model.fit repeats one order of the images every epoch.
"""

import os
import time

import workload

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
options = workload.options("fit", "tuned")

import keras
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(options.threads)
x, y, val_x, val_y = workload.read(options.data)
y, val_y = (keras.utils.to_categorical(labels, 10) for labels in (y, val_y))
model = keras.Sequential([
    keras.Input((784,)),
    keras.layers.Dense(128, activation="relu"),
    keras.layers.Dense(128, activation="relu"),
    keras.layers.Dense(10, activation="softmax"),
])  # fmt: skip
tuned = {"jit_compile": True, "steps_per_execution": 391} if options.mode == "tuned" else {}
model.compile(optimizer=keras.optimizers.RMSprop(), loss="categorical_crossentropy", metrics=["accuracy"], **tuned)


class Lines(keras.callbacks.Callback):
    """An epoch ends after its validation."""

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        workload.print_epoch(epoch + 1, time.perf_counter() - self.start, **logs)


workload.print_start(f"{keras.__version__}, TensorFlow {tf.__version__}", "oneDNN and Eigen choose")
model.fit(
    x, y, batch_size=workload.BATCH, epochs=options.epochs, validation_data=(val_x, val_y), verbose=0,
    callbacks=[Lines()],
)  # fmt: skip
