"""numpy by hand: one flat vector of parameters, updated in place.

dense   the images as they are
csr     the images as one sparse matrix, so that the first layer multiplies nonzero pixels only. Batches are cut out of
        its three arrays and multiplied by the routines beneath scipy's operators, which would cost more than the product.
"""

import time

import workload

options = workload.options("dense", "csr")

import numpy as np
from workload import BATCH, SIZES

RATE, RHO, EPSILON = (np.float32(value) for value in (workload.RATE, workload.RHO, workload.EPSILON))
random = np.random.default_rng(options.seed)
x, y, val_x, val_y = workload.read(options.data)
COUNT = len(x)

shapes = [shape for pair in zip(SIZES, SIZES[1:]) for shape in (pair, pair[1:])]
ends = np.cumsum([np.prod(shape) for shape in shapes])
flat, gradient, mean_square, scratch = (np.zeros(ends[-1], np.float32) for _ in range(4))


def views(vector):
    return [part.reshape(shape) for part, shape in zip(np.split(vector, ends[:-1]), shapes)]


w1, b1, w2, b2, w3, b3 = views(flat)
gw1, gb1, gw2, gb2, gw3, gb3 = views(gradient)
for w in (w1, w2, w3):
    w[:] = workload.glorot(random, *w.shape)


class Dense:
    """Images in rows; a batch is another of these."""

    def __init__(self, images):
        self.images = images

    def shuffled(self, order):
        rows = self.images[order]
        return (Dense(rows[i : i + BATCH]) for i in range(0, len(rows), BATCH))

    def times(self, weights):
        return self.images @ weights

    def transposed_times(self, delta, out):
        np.matmul(self.images.T, delta, out=out)


class Csr:
    """The same as the nonzero pixels and where they are."""

    def __init__(self, starts, columns, pixels):
        self.starts, self.columns, self.pixels = starts, columns, pixels
        self.count = len(starts) - 1

    @classmethod
    def of(cls, images):
        matrix = sparse.csr_array(images)
        return cls(matrix.indptr, matrix.indices, matrix.data)

    def shuffled(self, order):
        matrix = sparse.csr_array((self.pixels, self.columns, self.starts), shape=(self.count, SIZES[0]))[order]
        for i in range(0, self.count, BATCH):
            starts = matrix.indptr[i : i + BATCH + 1]
            part = slice(starts[0], starts[-1])
            yield Csr(starts - starts[0], matrix.indices[part], matrix.data[part])

    def times(self, weights):
        out = np.zeros((self.count, weights.shape[1]), np.float32)
        csr_matvecs(
            self.count, weights.shape[0], weights.shape[1], self.starts, self.columns, self.pixels, weights.ravel(),
            out.ravel(),
        )  # fmt: skip
        return out

    def transposed_times(self, delta, out):
        # These rows are the columns of the transposed matrix.
        out.fill(0)
        csc_matvecs(
            out.shape[0], self.count, out.shape[1], self.starts, self.columns, self.pixels, delta.ravel(), out.ravel()
        )


def forward(images):
    h1 = images.times(w1)
    h1 += b1
    np.maximum(h1, 0, out=h1)
    h2 = h1 @ w2
    h2 += b2
    np.maximum(h2, 0, out=h2)
    p = h2 @ w3
    p += b3
    p -= p.max(1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(1, keepdims=True)
    return h1, h2, p


def score(p, labels):
    """The sum of the losses, and how many are right."""
    of_label = p[np.arange(len(labels)), labels]
    return -np.log(of_label + np.float32(1e-30)).sum(), (p.argmax(1) == labels).sum()


def step(images, labels):
    h1, h2, p = forward(images)
    result = score(p, labels)
    d3 = p
    d3[np.arange(len(labels)), labels] -= 1
    d3 /= len(labels)
    np.matmul(h2.T, d3, out=gw3)
    d3.sum(0, out=gb3)
    d2 = d3 @ w3.T
    d2 *= h2 > 0
    np.matmul(h1.T, d2, out=gw2)
    d2.sum(0, out=gb2)
    d1 = d2 @ w2.T
    d1 *= h1 > 0
    images.transposed_times(d1, gw1)
    d1.sum(0, out=gb1)
    update()
    return result


def update():
    np.multiply(gradient, gradient, out=scratch)
    np.multiply(scratch, 1 - RHO, out=scratch)
    np.multiply(mean_square, RHO, out=mean_square)
    np.add(mean_square, scratch, out=mean_square)
    np.add(mean_square, EPSILON, out=scratch)
    np.sqrt(scratch, out=scratch)
    np.divide(gradient, scratch, out=scratch)
    np.multiply(scratch, RATE, out=scratch)
    np.subtract(flat, scratch, out=flat)


if options.mode == "csr":
    import scipy
    from scipy import sparse
    from scipy.sparse._sparsetools import csc_matvecs, csr_matvecs

    images, val_images = Csr.of(x), Csr.of(val_x)
    version = f"{np.__version__}, scipy {scipy.__version__}"
else:
    images, val_images = Dense(x), Dense(val_x)
    version = np.__version__
workload.print_start(version, workload.openblas())
for epoch in range(1, options.epochs + 1):
    start = time.perf_counter()
    order = random.permutation(COUNT)
    labels = y[order]
    loss = correct = 0
    for i, batch in enumerate(images.shuffled(order)):
        batch_loss, batch_correct = step(batch, labels[i * BATCH : (i + 1) * BATCH])
        loss += batch_loss
        correct += batch_correct
    val_loss, val_correct = score(forward(val_images)[2], val_y)
    seconds = time.perf_counter() - start
    workload.print_epoch(
        epoch, seconds, val_correct / len(val_y), loss=loss / COUNT, accuracy=correct / COUNT,
        val_loss=val_loss / len(val_y),
    )  # fmt: skip
