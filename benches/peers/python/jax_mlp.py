"""JAX on the CPU.

scan    one compiled function an epoch: lax.scan over its 781 whole batches, then the 16 images left over
step    one compiled call a batch, its buffers donated
"""

import os
import time
from functools import partial

import workload

options = workload.options("scan", "step")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
if options.threads == 1:
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np
from workload import BATCH, EPSILON, RATE, RHO, SIZES

random = np.random.default_rng(options.seed)
params = [
    (jnp.asarray(workload.glorot(random, inputs, outputs)), jnp.zeros(outputs, jnp.float32))
    for inputs, outputs in zip(SIZES, SIZES[1:])
]
mean_squares = jax.tree.map(jnp.zeros_like, params)
host_x, host_y, host_val_x, host_val_y = workload.read(options.data)
host_y = host_y.astype(np.int32)
x, y, val_x = jnp.asarray(host_x), jnp.asarray(host_y), jnp.asarray(host_val_x)
val_y = jnp.asarray(host_val_y, jnp.int32)
COUNT = len(x)
WHOLE = COUNT // BATCH


def loss_and_logits(params, images, labels):
    for weights, bias in params[:-1]:
        images = jax.nn.relu(images @ weights + bias)
    logits = images @ params[-1][0] + params[-1][1]
    log_p = jax.nn.log_softmax(logits)
    return -jnp.take_along_axis(log_p, labels[:, None], 1).mean(), logits


def step(state, batch):
    params, mean_squares, total, correct = state
    images, labels = batch
    (loss, logits), grads = jax.value_and_grad(loss_and_logits, has_aux=True)(params, images, labels)
    mean_squares = jax.tree.map(lambda v, g: RHO * v + (1 - RHO) * g * g, mean_squares, grads)
    params = jax.tree.map(lambda p, g, v: p - RATE * g * jax.lax.rsqrt(v + EPSILON), params, grads, mean_squares)
    return (params, mean_squares, total + loss * len(labels), correct + (logits.argmax(1) == labels).sum()), None


def begin(params, mean_squares):
    return params, mean_squares, jnp.float32(0), jnp.int32(0)


@partial(jax.jit, donate_argnums=(0, 1))
def scan_epoch(params, mean_squares, key, x, y):
    order = jax.random.permutation(key, COUNT)
    x, y = x[order], y[order]
    split = WHOLE * BATCH
    batches = x[:split].reshape(WHOLE, BATCH, -1), y[:split].reshape(WHOLE, BATCH)
    state, _ = jax.lax.scan(step, begin(params, mean_squares), batches)
    return step(state, (x[split:], y[split:]))[0]


one_step = jax.jit(lambda state, x, y: step(state, (x, y))[0], donate_argnums=(0,))


def step_epoch(params, mean_squares):
    order = random.permutation(COUNT)
    x, y = host_x[order], host_y[order]
    state = begin(params, mean_squares)
    for i in range(0, COUNT, BATCH):
        state = one_step(state, x[i : i + BATCH], y[i : i + BATCH])
    return state


@jax.jit
def validate(params):
    loss, logits = loss_and_logits(params, val_x, val_y)
    return loss, (logits.argmax(1) == val_y).mean()


workload.print_start(jax.__version__, "XLA chooses")
key = jax.random.key(options.seed)
for epoch in range(1, options.epochs + 1):
    start = time.perf_counter()
    if options.mode == "scan":
        state = scan_epoch(params, mean_squares, jax.random.fold_in(key, epoch), x, y)
    else:
        state = step_epoch(params, mean_squares)
    params, mean_squares, total, correct = state
    loss, accuracy = float(total) / COUNT, float(correct) / COUNT
    val_loss, val_accuracy = (float(value) for value in validate(params))
    seconds = time.perf_counter() - start
    workload.print_epoch(epoch, seconds, val_accuracy, loss=loss, accuracy=accuracy, val_loss=val_loss)
