"""JAX on the CPU with the recipe `quick`: one compiled function an epoch, whole batches only but for the last one.

Trains on all 60,000 images, then tests, and prints one line: the test accuracy, and the seconds of training and test alone,
without imports and compilation.
"""

import json
import os
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

import workload

options = workload.options()
os.environ.setdefault("JAX_PLATFORMS", "cpu")
if options.threads == 1:
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np

# What `mnist-fast train --recipe quick --print-command` says.
BATCH, EPOCHS, PEAK, BETA_1, BETA_2, EPSILON, SMOOTHING = 128, 3, 0.006, 0.8, 0.99, 1e-7, 0.05

random = np.random.default_rng(options.seed)
params = [
    (jnp.asarray(workload.glorot(random, inputs, outputs)), jnp.zeros(outputs, jnp.float32))
    for inputs, outputs in zip(workload.SIZES, workload.SIZES[1:])
]
late_x, late_y, first_x, first_y = workload.read(options.data)
x, y = jnp.asarray(np.concatenate([first_x, late_x])), jnp.asarray(np.concatenate([first_y, late_y]), jnp.int32)
pixels = np.frombuffer((options.data / "t10k-images-idx3-ubyte").read_bytes(), np.uint8, offset=16)
test_x = jnp.asarray(pixels.reshape(-1, workload.SIZES[0]).astype(np.float32) / np.float32(255))
test_y = jnp.asarray(np.frombuffer((options.data / "t10k-labels-idx1-ubyte").read_bytes(), np.uint8, offset=8), jnp.int32)
COUNT = len(x)
WHOLE = COUNT // BATCH
STEPS = EPOCHS * -(-COUNT // BATCH)


def half_cosine(a, b, at):
    return b + (a - b) * 0.5 * (1 + np.cos(np.pi * at))


first, last, top = PEAK / 25, PEAK / 25 / 1e4, 0.3 * STEPS - 1
rates = jnp.asarray(
    [half_cosine(first, PEAK, t / top) if t <= top else half_cosine(PEAK, last, (t - top) / (STEPS - 1 - top)) for t in range(STEPS)],
    jnp.float32,
)


def logits_of(params, images):
    for weights, bias in params[:-1]:
        images = jax.nn.relu(images @ weights + bias)
    return images @ params[-1][0] + params[-1][1]


def loss(params, images, labels):
    target = jax.nn.one_hot(labels, 10) * (1 - SMOOTHING) + SMOOTHING / 10
    return -(target * jax.nn.log_softmax(logits_of(params, images))).sum(1).mean()


def step(state, batch):
    params, mean, square, t = state
    grads = jax.grad(loss)(params, *batch)
    n = (t + 1).astype(jnp.float32)
    size = rates[t] * jnp.sqrt(1 - BETA_2**n) / (1 - BETA_1**n)
    mean = jax.tree.map(lambda m, g: BETA_1 * m + (1 - BETA_1) * g, mean, grads)
    square = jax.tree.map(lambda v, g: BETA_2 * v + (1 - BETA_2) * g * g, square, grads)
    params = jax.tree.map(lambda p, m, v: p - size * m / (jnp.sqrt(v) + EPSILON), params, mean, square)
    return (params, mean, square, t + 1), None


@partial(jax.jit, donate_argnums=(0,))
def epoch(state, key, x, y):
    order = jax.random.permutation(key, COUNT)
    x, y = x[order], y[order]
    split = WHOLE * BATCH
    state, _ = jax.lax.scan(step, state, (x[:split].reshape(WHOLE, BATCH, -1), y[:split].reshape(WHOLE, BATCH)))
    return step(state, (x[split:], y[split:]))[0] if split < COUNT else state


@jax.jit
def accuracy(params):
    return (logits_of(params, test_x).argmax(1) == test_y).mean()


def begin():
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)
    return jax.tree.map(jnp.copy, params), zeros(), zeros(), jnp.int32(0)


key = jax.random.key(options.seed)
compiled = epoch.lower(begin(), key, x, y).compile()
accuracy(params).block_until_ready()
start, state = time.perf_counter(), begin()
for number in range(EPOCHS):
    state = compiled(state, jax.random.fold_in(key, number), x, y)
result = float(accuracy(state[0]))
print(json.dumps({"version": jax.__version__, "test_accuracy": result, "seconds": time.perf_counter() - start}), flush=True)
