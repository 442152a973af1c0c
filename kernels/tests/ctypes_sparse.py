"""Sparse input and rules against numpy in double precision."""

import ctypes
import math

import numpy as np

from ctypes_library import Matrix, Rule, Sparse, close, gaps_are_untouched, ld, lib, matrix, of, ok, random, refused

CSR, BYTES, FLOATS = 0, 1, 2
SGD, MOMENTUM, RMSPROP, ADAM = 0, 1, 2, 3


def forms(kernels, pixels):
    """A matrix of bytes in every form, with what it stands for in double precision; and what must stay alive."""
    rows, columns = pixels.shape
    floats = np.empty((rows, columns), np.float32)
    ok(lib.unit_from_u8(kernels, pixels.size, pixels, floats))
    floats, wide = matrix(rows, columns, 3, floats), pixels / 255
    indices, values = np.empty(pixels.size, np.uint32), np.empty(pixels.size, np.float32)
    starts, ends, end, count = np.empty(rows, np.uint32), np.empty(rows, np.uint32), 0, ctypes.c_size_t()
    # With room after each row, and made by both functions in turn.
    for row in range(rows):
        starts[row], to = row * columns, (indices[row * columns :], values[row * columns :])
        if row % 2:
            ok(lib.compress_u8(kernels, columns, pixels[row], *to, of(count)))
        else:
            ok(lib.compress(kernels, columns, floats[row], *to, of(count)))
        ends[row] = row * columns + count.value
        assert np.array_equal(to[0][: count.value], np.flatnonzero(pixels[row])), "compress"
        assert np.array_equal(to[1][: count.value], floats[row][np.flatnonzero(pixels[row])]), "compress"
    chosen = random.integers(0, rows, rows, np.uint32)
    at = [a.ctypes.data for a in (values, indices, starts, ends, pixels, chosen, floats)]
    yield Sparse(CSR, rows, columns, at[0], 0, at[1], at[2], at[3], pixels.size), wide
    yield Sparse(BYTES, rows, columns, at[4], columns, None, None, None, 0), wide
    yield Sparse(BYTES, rows, columns, at[4], columns, at[5], None, None, rows), wide[chosen]
    yield Sparse(FLOATS, rows, columns, at[6], ld(floats), None, None, None, 0), wide


def products(kernels, s, wide):
    (rows, columns), n = wide.shape, 21
    b, bias = matrix(columns, n, 2), random.standard_normal(n).astype(np.float32)
    product, size = wide @ b.astype(np.float64), (columns + 4) * (np.abs(wide) @ np.abs(b.astype(np.float64)) + 1)
    for beta in (0, -2):
        c = matrix(rows, n, 3, np.nan if beta == 0 else None)
        start = 0 if beta == 0 else beta * c.astype(np.float64)
        ok(lib.spmm(kernels, of(s), n, b, ld(b), beta, c, ld(c)))
        close("spmm", c, start + product, size + 8 * np.abs(start))
        gaps_are_untouched("spmm", c)
    for activation in (0, 1):
        y, expected = matrix(rows, n, 3), product + bias
        ok(lib.dense_forward_sparse(kernels, of(s), n, b, ld(b), bias, activation, y, ld(y)))
        close("dense_forward_sparse", y, np.maximum(expected, 0) if activation else expected, size + 8 * np.abs(bias))
        gaps_are_untouched("dense_forward_sparse", y)
    # The same matrix as X^T.
    w, y = matrix(rows, n, 2), matrix(columns, n, 3)
    call = (kernels, of(s), n, w, ld(w), bias, 1, y, ld(y))
    if s.form == BYTES:
        ok(lib.dense_forward_transposed(*call))
        turned = wide.T @ w.astype(np.float64) + bias
        sizes = (rows + 4) * (np.abs(wide.T) @ np.abs(w.astype(np.float64)) + 1) + 8 * np.abs(bias)
        close("dense_forward_transposed", y, np.maximum(turned, 0), sizes)
        gaps_are_untouched("dense_forward_transposed", y)
    else:
        refused("ENUMERATION", lib.dense_forward_transposed(*call))
    active = matrix(rows, n, 1)
    for mask in ((None, 0), (active, ld(active))):
        dx = matrix(rows, n, 3)
        ok(lib.dense_input_gradient_sparse(kernels, of(s), n, b, ld(b), *mask, dx, ld(dx)))
        close("dense_input_gradient_sparse", dx, product if mask[0] is None else product * (active > 0), size)
    dw = matrix(rows, n, 3)
    ok(lib.dense_weight_gradient_sparse(kernels, of(s), n, b, ld(b), dw, ld(dw)))
    close("dense_weight_gradient_sparse", dw, product, size)
    return b, product, size


def rule_of(optimizer, **fields):
    rule = Rule()
    ok(lib.rule_init(optimizer, of(rule)))
    for name, value in fields.items():
        assert hasattr(rule, name)
        setattr(rule, name, value)
    return rule


RULES = [
    (SGD, {}),
    (SGD, {"l2": 0.01, "clip_value": 0.5}),
    (MOMENTUM, {}),
    (MOMENTUM, {"nesterov": 1, "momentum": 0.7, "weight_decay": 0.3}),
    (RMSPROP, {}),
    (RMSPROP, {"epsilon": 1e-2, "epsilon_outside_root": 1, "momentum": 0.6}),
    (RMSPROP, {"epsilon": 1e-2, "centered": 1, "momentum": 0.6, "gradient_scale": 0.5}),
    (ADAM, {"iteration": 3}),
    (ADAM, {"iteration": 3, "epsilon": 1e-2, "weight_decay": 0.3, "l2": 0.01}),
]


def step(r, w, s, g):
    """One step in double precision."""
    g = np.clip((g + 2 * r.l2 * w) * r.gradient_scale, -r.clip_value, r.clip_value)
    w = w - r.learning_rate * r.weight_decay * w
    if r.optimizer == SGD:
        return w - r.learning_rate * g, []
    if r.optimizer == MOMENTUM:
        m = r.momentum * s[0] - r.learning_rate * g
        return w + (r.momentum * m - r.learning_rate * g if r.nesterov else m), [m]
    if r.optimizer == RMSPROP:
        v, rest = r.rho * s[0] + (1 - r.rho) * g**2, list(s[1:])
        m = rest.pop(0) if r.momentum > 0 else None
        d, states = v, [v]
        if r.centered:
            a = r.rho * rest.pop(0) + (1 - r.rho) * g
            d = np.maximum(v - a**2, 0)
        i = r.learning_rate * g / (np.sqrt(d) + r.epsilon if r.epsilon_outside_root else np.sqrt(d + r.epsilon))
        if m is not None:
            i = r.momentum * m + i
            states.append(i)
        return w - i, states + ([a] if r.centered else [])
    t = r.iteration + 1
    m, v = r.beta_1 * s[0] + (1 - r.beta_1) * g, r.beta_2 * s[1] + (1 - r.beta_2) * g**2
    rate = r.learning_rate * math.sqrt(1 - r.beta_2**t) / (1 - r.beta_1**t)
    return w - rate * m / (np.sqrt(v) + r.epsilon), [m, v]


def updates(kernels, workspace, s, wide, delta, gradient, size):
    """By a rule, of a gradient, and at the end of a dense and of a sparse product. `size` is how far the gradient may be away."""
    (rows, batch), n = wide.shape, delta.shape[1]
    x = matrix(batch, rows, 2, wide.T)
    g = matrix(rows, n, 1, gradient)
    for optimizer, fields in RULES:
        rule = rule_of(optimizer, **fields)
        count = lib.rule_states(of(rule))
        assert count == len(step(rule, np.zeros(1), np.zeros((3, 1)), np.zeros(1))[1]), fields
        start = [matrix(rows, n, 1 + i, np.abs(random.standard_normal((rows, n))) + (i > 0)) for i in range(1 + count)]
        # A mean of gradients whose square is no larger than the mean of squares.
        if rule.centered:
            start[-1][...] /= 4
        expected = step(rule, start[0].astype(np.float64), [x.astype(np.float64) for x in start[1:]], gradient)
        for way in ("alone", "dense", "sparse", "deferred"):
            w, *states = (matrix(rows, n, 2 + i, x) for i, x in enumerate(start))
            at = (Matrix * max(count, 1))(*(Matrix(x.ctypes.data, ld(x)) for x in states))
            given = at if count else None
            given = None if given is None else of(given)
            deferred = np.zeros(rows, np.uint32)
            if way == "alone":
                ok(lib.update(kernels, of(rule), rows, n, w, ld(w), given, g, ld(g)))
            elif way == "dense":
                sizes = (batch, rows, n)
                ok(lib.dense_weight_update(kernels, of(rule), *sizes, x, ld(x), delta, ld(delta), w, ld(w), given, workspace))
            else:
                to = (w, ld(w), given, deferred if way == "deferred" else None)
                ok(lib.dense_weight_update_sparse(kernels, of(rule), of(s), n, delta, ld(delta), *to))
            if deferred.any():
                # Column 3 of X is 0 in the whole batch.
                assert optimizer == RMSPROP and not fields and np.array_equal(np.flatnonzero(deferred), [3])
                ok(lib.rmsprop_settle(kernels, of(rule), rows, n, states[0], ld(states[0]), deferred))
                assert not deferred.any()
            what, terms = f"{way} {optimizer} {fields}", 20 * size + 200
            close(f"{what}, w", w, expected[0], terms)
            for found, state in zip(states, expected[1]):
                close(f"{what}, a state", found, state, terms * (1 + np.abs(gradient)))
            for found in (w, *states):
                gaps_are_untouched(what, found)


def transposes(kernels, pixels):
    rows, columns = pixels.shape
    x = matrix(rows, columns, 2)
    to = matrix(columns, rows, 3)
    ok(lib.transpose(kernels, rows, columns, x, ld(x), to, ld(to)))
    assert np.array_equal(to, x.T)
    gaps_are_untouched("transpose", to)
    stride, first, count = lib.room(rows) + 5, 2, columns - 4
    out = np.full((count, stride), 7, np.uint8)
    s = Sparse(BYTES, rows, columns, pixels.ctypes.data, columns, None, None, None, 0)
    ok(lib.transpose_u8(kernels, of(s), first, count, out, stride))
    assert np.array_equal(out[:, :rows], pixels[:, first : first + count].T) and np.all(out[:, lib.room(rows) :] == 7)
    refused("VALUE", lib.transpose_u8(kernels, of(s), 5, columns - 4, out, stride))


def mistakes(kernels):
    b, c = np.ones((8, 2), np.float32), np.full((2, 2), 7, np.float32)
    indices, starts, values = np.array([1, 0], np.uint32), np.array([0, 1, 2], np.uint32), np.ones(2, np.float32)

    def product(**fields):
        s = Sparse(CSR, 2, 8, values.ctypes.data, 0, indices.ctypes.data, starts.ctypes.data, starts.ctypes.data + 4, 2)
        for name, value in fields.items():
            setattr(s, name, value)
        return lib.spmm(kernels, of(s), 2, b, 2, 0, c, 2)

    refused("ENUMERATION", product(form=3))
    refused("SPARSE", product(columns=1))
    refused("SPARSE", product(length=1))
    refused("NULL_POINTER", product(starts=None))
    refused("NULL_POINTER", lib.spmm(kernels, None, 2, b, 2, 0, c, 2))
    none, adam = Rule(optimizer=-1), rule_of(ADAM)
    refused("ENUMERATION", lib.rule_init(4, of(none)))
    assert none.optimizer == lib.rule_states(of(none)) == -1
    refused("NULL_POINTER", lib.update(kernels, of(adam), 2, 2, c, 2, None, b, 2))
    assert np.all(c == 7), "a refused call has written"


def check(kernels, workspace):
    for rows, columns in [(7, 20), (33, 64), (64, 17)]:
        pixels = random.integers(0, 256, (rows, columns), np.uint8)
        pixels[random.random(pixels.shape) < 0.8] = 0
        pixels[3] = 0
        transposes(kernels, pixels)
        for s, wide in forms(kernels, pixels):
            delta, gradient, size = products(kernels, s, wide)
            if not wide[3].any() and np.count_nonzero(wide.any(1)) == rows - 1:
                updates(kernels, workspace, s, wide, delta, gradient, size)
    mistakes(kernels)
