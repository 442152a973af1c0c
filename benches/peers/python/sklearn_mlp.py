"""scikit-learn's MLPClassifier, one partial_fit an epoch. It has no RMSprop: this is Adam."""

import time
import warnings

import workload

options = workload.options()

import numpy as np
import sklearn
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

warnings.filterwarnings("ignore", category=UserWarning)
x, y, val_x, val_y = workload.read(options.data)
model = MLPClassifier(
    workload.SIZES[1:-1], activation="relu", solver="adam", alpha=0.0, batch_size=workload.BATCH,
    learning_rate_init=workload.RATE, shuffle=True, random_state=options.seed,
)  # fmt: skip
workload.print_start(sklearn.__version__, workload.openblas())
for epoch in range(1, options.epochs + 1):
    start = time.perf_counter()
    model.partial_fit(x, y, classes=np.arange(10))
    p = model.predict_proba(val_x)
    val_loss, val_accuracy = log_loss(val_y, p), (p.argmax(1) == val_y).mean()
    seconds = time.perf_counter() - start
    workload.print_epoch(epoch, seconds, val_accuracy, loss=model.loss_, val_loss=val_loss)
