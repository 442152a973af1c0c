"""Holds the shared library, through ctypes, against numpy in double precision:

    python3 kernels/tests/ctypes_numpy.py target/release/libmnist_fast_kernels.so

Every function of the header on every instruction set of this CPU: products of many shapes, strides and transposes, dense
layers, activations, softmax, losses, optimizers, sparse input, images; then calls that must come back with an error instead of
crashing. The signatures are read from the header itself, so that a function without a check here, or a header that has moved
on, fails.
"""

import ctypes
import itertools
import re
import resource
import sys

import numpy as np

import ctypes_images
import ctypes_sparse
from ctypes_library import called, close, gaps_are_untouched, ld, lib, matrix, ok, random, refused, status, strided, strides

def gemm(kernels, workspace):
    shapes = [(1, 1, 1), (1, 7, 300), (64, 1, 5), (5, 0, 3), (6, 16, 16)]
    shapes += [(3, 784, 10), (64, 128, 10), (33, 700, 17), (200, 31, 270)]
    layouts = ["rows", "columns", "backwards", "spread"]
    factors = itertools.cycle([(1, 0), (1, 1), (-0.5, 2), (0, 3), (2, -1)])
    count = 0
    for (m, k, n), layout_a, layout_b, layout_c in itertools.product(shapes, layouts, layouts, layouts):
        alpha, beta = next(factors)
        a = strided(random.standard_normal((m, k)), layout_a)
        b = strided(random.standard_normal((k, n)), layout_b)
        # With beta = 0 the NaN in C must not be read.
        c = strided(np.full((m, n), np.nan) if beta == 0 else random.standard_normal((m, n)), layout_c)
        start = 0 if beta == 0 else beta * c.astype(np.float64)
        wide_a, wide_b = alpha * a.astype(np.float64), b.astype(np.float64)
        expected, size = start + wide_a @ wide_b, np.abs(start) + np.abs(wide_a) @ np.abs(wide_b)
        gaps = np.count_nonzero(np.isnan(c.base)) - np.count_nonzero(np.isnan(c))
        ok(lib.sgemm(kernels, m, k, n, alpha, a, *strides(a), b, *strides(b), beta, c, *strides(c), workspace))
        what = f"sgemm {m}x{k}x{n}, {layout_a} {layout_b} {layout_c}, alpha {alpha}, beta {beta}"
        close(what, c, expected, (k + 3) * size)
        assert np.count_nonzero(np.isnan(c.base)) == gaps, f"{what}: a gap was written"
        count += 1
    return count


def packed(kernels, workspace):
    factors = itertools.cycle([(1, 0), (-0.5, 2), (0, 3)])
    shapes = [(1, 1, 1), (5, 0, 3), (6, 16, 16), (33, 700, 17), (3, 2100, 140), (64, 128, 10)]
    for (m, k, n), layout in itertools.product(shapes, ["rows", "columns", "backwards", "spread"]):
        a, b = (strided(random.standard_normal(shape), layout) for shape in ((m, k), (k, n)))
        handle = ctypes.c_void_p()
        ok(lib.pack_b(kernels, k, n, b, *strides(b), ctypes.addressof(handle)))
        wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
        b[...] = np.nan  # which is not needed any more
        product, size = wide_a @ wide_b, np.abs(wide_a) @ np.abs(wide_b)
        alpha, beta = next(factors)
        c = matrix(m, n, 2, np.nan if beta == 0 else None)
        start = 0 if beta == 0 else beta * c.astype(np.float64)
        ok(lib.sgemm_packed(kernels, m, k, n, alpha, a, *strides(a), handle.value, beta, c, ld(c), workspace))
        what = f"sgemm_packed {m}x{k}x{n}, {layout}, alpha {alpha}, beta {beta}"
        close(what, c, start + alpha * product, (k + 3) * (np.abs(start) + abs(alpha) * size))
        gaps_are_untouched(what, c)
        x, bias = matrix(m, k, 1, a), random.standard_normal(n).astype(np.float32)
        for activation in (0, 1):
            y, expected = matrix(m, n, 4), product + bias
            ok(lib.dense_forward_packed(kernels, m, k, n, x, ld(x), handle.value, bias, activation, y, ld(y), workspace))
            close("dense_forward_packed", y, np.maximum(expected, 0) if activation else expected, (k + 3) * (size + np.abs(bias)))
            gaps_are_untouched("dense_forward_packed", y)
        lib.packed_free(handle.value)
    # What is freed comes back: 50 times 16 MB do not add up.
    unit = 1 if sys.platform == "darwin" else 1024
    before, one = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, np.ones(1, np.float32)
    for _ in range(50):
        ok(lib.pack_b(kernels, 4096, 1024, one, 0, 0, ctypes.addressof(handle)))
        lib.packed_free(handle.value)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit
    assert grown < 10 * 2**24, f"{grown} bytes more after packed matrices were freed"


def dense(kernels, workspace):
    for batch, inputs, outputs in [(1, 1, 1), (4, 2, 8), (64, 784, 128), (37, 128, 10), (129, 50, 33)]:
        x, w, delta = matrix(batch, inputs, 1), matrix(inputs, outputs, 2), matrix(batch, outputs, 3)
        bias = random.standard_normal(outputs).astype(np.float32)
        wx, ww, wd = (a.astype(np.float64) for a in (x, w, delta))
        size = np.abs(bias) + np.abs(wx) @ np.abs(ww)
        sizes, outs, ins = (batch, inputs, outputs), (inputs + 3) * size, (outputs + 3) * (np.abs(wd) @ np.abs(ww.T))
        for activation in (0, 1):
            y, expected = matrix(batch, outputs, 4), wx @ ww + bias
            ok(lib.dense_forward(kernels, *sizes, x, ld(x), w, ld(w), bias, activation, y, ld(y), workspace))
            close("dense_forward", y, np.maximum(expected, 0) if activation else expected, outs)
            gaps_are_untouched("dense_forward", y)
        for active in (None, x):
            dx, expected = matrix(batch, inputs, 4), wd @ ww.T
            mask = (None, 0) if active is None else (active, ld(active))
            ok(lib.dense_input_gradient(kernels, *sizes, delta, ld(delta), w, ld(w), *mask, dx, ld(dx), workspace))
            close("dense_input_gradient", dx, expected if active is None else expected * (x > 0), ins)
            gaps_are_untouched("dense_input_gradient", dx)
        gradient, terms = wx.T @ wd, (batch + 3) * (np.abs(wx.T) @ np.abs(wd))
        dw = matrix(inputs, outputs, 4)
        ok(lib.dense_weight_gradient(kernels, *sizes, x, ld(x), delta, ld(delta), dw, ld(dw), workspace))
        close("dense_weight_gradient", dw, gradient, terms)
        gaps_are_untouched("dense_weight_gradient", dw)
        db = np.empty(outputs, np.float32)
        ok(lib.dense_bias_gradient(kernels, batch, outputs, delta, ld(delta), db))
        close("dense_bias_gradient", db, wd.sum(0), batch * np.abs(wd).sum(0))
        to = matrix(inputs, outputs, 5, w)
        ok(lib.dense_weight_update_sgd(kernels, 0.1, *sizes, x, ld(x), delta, ld(delta), to, ld(to), workspace))
        close("dense_weight_update_sgd", to, ww - 0.1 * gradient, 0.1 * terms + 4 * np.abs(ww) + 4 * np.abs(gradient))
        gaps_are_untouched("dense_weight_update_sgd", to)
        for outside in (0, 1):
            to, v = matrix(inputs, outputs, 5, w), matrix(inputs, outputs, 6, np.abs(w) + 1)
            rule = (0.1, 0.9, 1e-3, outside)
            mean = 0.9 * v.astype(np.float64) + 0.1 * gradient**2
            root = np.sqrt(mean) + 1e-3 if outside else np.sqrt(mean + 1e-3)
            ok(lib.dense_weight_update_rmsprop(kernels, *rule, *sizes, x, ld(x), delta, ld(delta), to, ld(to), v, ld(v), workspace))
            close("dense_weight_update_rmsprop, v", v, mean, 8 * mean + np.abs(gradient) * terms)
            close("dense_weight_update_rmsprop, w", to, ww - 0.1 * gradient / root, terms + 8 * (np.abs(ww) + 1))
            gaps_are_untouched("dense_weight_update_rmsprop", to)
            gaps_are_untouched("dense_weight_update_rmsprop's state", v)
        moments(kernels, workspace, sizes, x, w, delta, gradient, terms)


def moments(kernels, workspace, sizes, x, w, delta, gradient, terms):
    """The updates whose state has first moments; `terms` is how far the gradient may be away, in units of rounding."""
    shape, wide, rate, decay, t = w.shape, w.astype(np.float64), 0.1, 0.3, 4
    step = rate * np.sqrt(1 - 0.99**t) / (1 - 0.9**t)
    adam = (rate, 0.9, 0.99, 1e-3)
    for name, rule in {
        "momentum": (rate, 0.8, 0), "nesterov": (rate, 0.8, 1), "adam": (*adam, t - 1), "adamw": (*adam, decay, t - 1),
    }.items():
        to, m, v = matrix(*shape, 5, w), matrix(*shape, 6), matrix(*shape, 7, np.abs(w) + 1)
        old_m, old_v = m.astype(np.float64), v.astype(np.float64)
        function, states = "dense_weight_update_" + name.replace("nesterov", "momentum"), (m, ld(m), v, ld(v))
        if not name.startswith("adam"):
            states, new_m, new_v = (m, ld(m)), 0.8 * old_m - rate * gradient, old_v
            expected = wide + (0.8 * new_m - rate * gradient if name == "nesterov" else new_m)
        else:
            new_m, new_v = 0.9 * old_m + 0.1 * gradient, 0.99 * old_v + 0.01 * gradient**2
            kept = wide * (1 - rate * decay) if name == "adamw" else wide
            expected = kept - step * new_m / (np.sqrt(new_v) + 1e-3)
        ok(getattr(lib, function)(kernels, *rule, *sizes, x, ld(x), delta, ld(delta), to, ld(to), *states, workspace))
        size = np.abs(wide) + np.abs(old_m) + np.abs(gradient)
        close(f"{function}, w", to, expected, terms + 8 * size)
        close(f"{function}, m", m, new_m, terms + 8 * size)
        close(f"{function}, v", v, new_v, 8 * new_v + np.abs(gradient) * terms)
        for what in (to, m, v):
            gaps_are_untouched(function, what)


def elementwise(kernels):
    for n in (1, 15, 16, 17, 1000):
        x = (random.standard_normal(n) * 3).astype(np.float32)
        h = random.uniform(-1, 1, n).astype(np.float32)
        wide, out = x.astype(np.float64), h.astype(np.float64)
        for name, expected in {
            "relu": np.maximum(wide, 0), "sigmoid": 1 / (1 + np.exp(-wide)), "tanh": np.tanh(wide), "exp": np.exp(wide),
        }.items():
            to = x.copy()
            ok(getattr(lib, name)(kernels, n, to))
            close(name, to, expected, 6 * np.abs(expected))
        to = np.abs(x)
        ok(lib.ln(kernels, n, to))
        close("ln", to, np.log(np.abs(wide)), 4 * np.abs(np.log(np.abs(wide))))
        to = x.copy()
        ok(lib.leaky_relu(kernels, 0.3, n, to))
        close("leaky_relu", to, np.where(wide < 0, 0.3 * wide, wide), 4 * np.abs(wide))
        for name, slope in {"relu": out > 0, "sigmoid": out * (1 - out), "tanh": 1 - out**2}.items():
            to = x.copy()
            ok(getattr(lib, name + "_gradient")(kernels, n, h, to))
            close(name + "_gradient", to, wide * slope, 8 * np.abs(wide))
        to = x.copy()
        ok(lib.leaky_relu_gradient(kernels, 0.3, n, h, to))
        close("leaky_relu_gradient", to, np.where(out > 0, wide, 0.3 * wide), 4 * np.abs(wide))
        pixels = random.integers(0, 256, n, np.uint8)
        to = np.empty(n, np.float32)
        ok(lib.unit_from_u8(kernels, n, pixels, to))
        assert np.array_equal(to, (pixels / 255).astype(np.float32)), "unit_from_u8"
        ok(lib.scale_u8(kernels, n, pixels, 0.25, -3, to))
        assert np.array_equal(to, pixels * np.float32(0.25) - 3), "scale_u8"


def softmax(x):
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def rows(kernels):
    for n, columns in [(1, 1), (5, 2), (64, 10), (7, 16), (3, 1000)]:
        x = matrix(n, columns, 3)
        wide, batch = x.astype(np.float64), 2 * n
        p, top = softmax(wide), np.max(np.abs(wide), 1, keepdims=True)
        relative = 16 + columns / 8
        y = matrix(n, columns, 2)
        ok(lib.softmax(kernels, n, columns, x, ld(x), y, ld(y)))
        close("softmax", y, p, (relative + 4 * top) * p + 1e-6)
        ok(lib.log_softmax(kernels, n, columns, x, ld(x), y, ld(y)))
        close("log_softmax", y, np.log(p), 8 * (1 + np.abs(np.log(p))))
        gaps_are_untouched("softmax", y)
        for name, expected, terms in [
            ("row_sum", wide.sum(1), (columns / 16 + 6) * np.abs(wide).sum(1)),
            ("row_max", wide.max(1), 0),
            ("row_sum_of_squares", (wide**2).sum(1), (columns / 16 + 6) * (wide**2).sum(1)),
            ("row_norm2", np.sqrt((wide**2).sum(1)), (columns / 16 + 7) * np.sqrt((wide**2).sum(1))),
        ]:
            to = np.empty(n, np.float32)
            ok(getattr(lib, name)(kernels, n, columns, x, ld(x), to))
            close(name, to, expected, terms)
        classes, losses = np.empty(n, np.uint32), np.empty(n, np.float32)
        ok(lib.argmax(kernels, n, columns, x, ld(x), classes))
        assert np.array_equal(classes, wide.argmax(1)), "argmax"
        labels = random.integers(0, columns, n, np.uint32)
        hard = np.eye(columns)[labels]
        targets = matrix(n, columns, 1, 0.9 * hard + 0.1 / columns)
        soft, smoothing = targets.astype(np.float64), 0.2
        smoothed = (1 - smoothing) * hard + smoothing / columns
        for t in (hard, soft, smoothed):
            classes[:], losses[:], gradient = 77, np.nan, matrix(n, columns, 4)
            to = (batch, gradient, ld(gradient), losses, classes)
            if t is hard:
                ok(lib.softmax_cross_entropy(kernels, n, columns, x, ld(x), labels, *to))
            elif t is smoothed:
                ok(lib.softmax_cross_entropy_smoothed(kernels, n, columns, x, ld(x), labels, smoothing, *to))
            else:
                ok(lib.softmax_cross_entropy_soft(kernels, n, columns, x, ld(x), targets, ld(targets), *to))
            close("losses", losses, -(t * np.log(p)).sum(1), 32 * (1 + np.abs(np.log(p)).max(1)))
            close("gradient", gradient, (p - t) / batch, (relative + 4 * top) / batch)
            assert np.array_equal(classes, wide.argmax(1)), "predictions"
            gaps_are_untouched("gradient", gradient)
        on, off = np.empty(1, np.float32), np.empty(1, np.float32)
        ok(lib.smoothed_targets(smoothing, columns, on, off))
        close("smoothed targets", np.array([on, off]), np.array([[1 - smoothing + smoothing / columns], [smoothing / columns]]), 1)
        z, t = x.base[:, 0].copy(), random.integers(0, 2, n).astype(np.float32)
        wide, to = z.astype(np.float64), np.empty(n, np.float32)
        ok(lib.binary_cross_entropy(kernels, n, z, t, batch, to, losses))
        close("binary losses", losses, np.logaddexp(0, wide) - wide * t, 8 * (1 + np.abs(wide)))
        close("binary gradient", to, (1 / (1 + np.exp(-wide)) - t) / batch, 8 / batch)


def optimizers(kernels):
    n, rate = 101, 0.05
    for steps in (1, 5):
        start, g = random.standard_normal(n).astype(np.float32), random.standard_normal((steps, n)).astype(np.float32)

        def run(name, *rule, state, law, iteration=False):
            w, states = start.copy(), [np.zeros(n, np.float32) for _ in range(state)]
            wide, wide_states = w.astype(np.float64), [np.zeros(n) for _ in range(state)]
            for step in range(steps):
                ok(getattr(lib, name)(kernels, rate, *rule, *([step] if iteration else []), n, w, *states, g[step]))
                wide, wide_states = law(step + 1, wide, wide_states, g[step].astype(np.float64))
            close(name, w, wide, 40 * steps * (1 + np.abs(wide)))
            for found, expected in zip(states, wide_states):
                close(name + "'s state", found, expected, 40 * steps * (1 + np.abs(expected)))

        def momentum(nesterov):
            def law(_, w, s, g):
                m = 0.8 * s[0] - rate * g
                return w + (0.8 * m - rate * g if nesterov else m), [m]

            return law

        def rmsprop(outside):
            def law(_, w, s, g):
                v = 0.9 * s[0] + 0.1 * g**2
                return w - rate * g / (np.sqrt(v) + 1e-3 if outside else np.sqrt(v + 1e-3)), [v]

            return law

        def adam(decay):
            def law(t, w, s, g):
                m, v = 0.9 * s[0] + 0.1 * g, 0.99 * s[1] + 0.01 * g**2
                step = rate * np.sqrt(1 - 0.99**t) / (1 - 0.9**t)
                return w - rate * decay * w - step * m / (np.sqrt(v) + 1e-3), [m, v]

            return law

        run("sgd", state=0, law=lambda _, w, s, g: (w - rate * g, s))
        for flag in (0, 1):
            run("momentum", 0.8, flag, state=1, law=momentum(flag))
            run("rmsprop", 0.9, 1e-3, flag, state=1, law=rmsprop(flag))
        run("adam", 0.9, 0.99, 1e-3, state=2, law=adam(0), iteration=True)
        run("adamw", 0.9, 0.99, 1e-3, 0.3, state=2, law=adam(0.3), iteration=True)


def mistakes(kernels, workspace):
    """Each comes back with its status, and writes nothing."""
    x, y = np.ones(16, np.float32), np.full(16, 7, np.float32)
    classes, labels = np.full(4, 7, np.uint32), np.array([0, 1, 2, 4], np.uint32)
    huge = 2 ** (8 * ctypes.sizeof(ctypes.c_size_t)) - 1

    def product(kernels=kernels, m=4, k=4, n=4, a=x, b=x, c=y, row=4, column=1, workspace=workspace):
        return lib.sgemm(kernels, m, k, n, 1, a, 4, 1, b, 4, 1, 1, c, row, column, workspace)

    for argument in ("kernels", "a", "b", "c", "workspace"):
        refused("NULL_POINTER", product(**{argument: None}))
    for row, column in [(0, 1), (1, 0), (0, 0), (1, 1), (3, 1), (-2, 2)]:
        refused("STRIDE", product(row=row, column=column))
    for size in ("m", "k", "n"):
        refused("SIZE", product(**{size: huge}))
        refused("SIZE", product(**{size: huge // 8 + 1}))
    refused("ALIGNMENT", product(a=x.ctypes.data + 2))
    refused("SIZE", lib.relu(kernels, huge, y))
    refused("SIZE", lib.softmax(kernels, huge // 4, 4, x, 4, y, 4))
    refused("STRIDE", lib.softmax(kernels, 4, 4, x, 3, y, 4))
    refused("STRIDE", lib.softmax(kernels, 4, 4, x, 4, y, 0))
    refused("NULL_POINTER", lib.softmax(kernels, 4, 4, x, 4, None, 4))
    refused("NULL_POINTER", lib.adam(kernels, 0.1, 0.9, 0.9, 1e-7, 0, 4, y, y, None, x))
    refused("STRIDE", lib.dense_forward(kernels, 4, 4, 4, x, 4, x, 2, x, 0, y, 4, workspace))
    refused("ENUMERATION", lib.dense_forward(kernels, 4, 4, 4, x, 4, x, 4, x, 2, y, 4, workspace))
    handle = ctypes.c_void_p()
    at = ctypes.addressof(handle)
    refused("NULL_POINTER", lib.pack_b(kernels, 4, 4, None, 4, 1, at))
    refused("NULL_POINTER", lib.pack_b(kernels, 4, 4, x, 4, 1, None))
    refused("SIZE", lib.pack_b(kernels, huge, 4, x, 0, 0, at))
    refused("MEMORY", lib.pack_b(kernels, huge // 1024, 1, x, 0, 0, at))
    assert handle.value is None, "a refused call has written"
    ok(lib.pack_b(kernels, 4, 4, x, 4, 1, at))
    refused("PACKED", lib.sgemm_packed(kernels, 4, 4, 3, 1, x, 4, 1, handle.value, 0, y, 4, workspace))
    refused("PACKED", lib.dense_forward_packed(kernels, 4, 3, 4, x, 4, handle.value, x, 0, y, 4, workspace))
    refused("NULL_POINTER", lib.sgemm_packed(kernels, 4, 4, 4, 1, x, 4, 1, None, 0, y, 4, workspace))
    lib.packed_free(handle.value)
    lib.packed_free(None)
    refused("LABEL", lib.softmax_cross_entropy(kernels, 4, 4, x, 4, labels, 4, None, 0, y, classes))
    refused("BATCH", lib.softmax_cross_entropy(kernels, 4, 4, x, 4, labels, 0, None, 0, y, classes))
    refused("NULL_POINTER", lib.softmax_cross_entropy(kernels, 4, 4, x, 4, None, 4, None, 0, y, classes))
    assert np.all(y == 7) and np.all(classes == 7), "a refused call has written"


available = []
for isa in itertools.count():
    if lib.isa_name(isa) is None:
        break
    handle, name = ctypes.c_void_p(), lib.isa_name(isa).decode()
    found = lib.kernels_for_isa(isa, ctypes.addressof(handle))
    if not lib.isa_is_available(isa):
        refused("UNAVAILABLE_ISA", found)
        print(f"skipped: this CPU or build cannot run {name} kernels")
        continue
    ok(found)
    kernels, workspace = handle.value, lib.workspace_new()
    assert lib.kernels_isa(kernels) == isa and lib.isa_is_exact(isa) == (name != "portable")
    products = gemm(kernels, workspace)
    packed(kernels, workspace)
    dense(kernels, workspace)
    elementwise(kernels)
    rows(kernels)
    optimizers(kernels)
    ctypes_sparse.check(kernels, workspace)
    ctypes_images.check(kernels)
    mistakes(kernels, workspace)
    lib.workspace_free(workspace)
    available.append(lib.kernels_best() == kernels)
    print(f"{name}: agrees with numpy {np.__version__}, {products} products among the calls")

refused("ENUMERATION", lib.kernels_for_isa(isa, ctypes.addressof(handle)))
assert lib.isa_is_exact(lib.kernels_isa(lib.kernels_best_exact()))
assert sum(available) == 1, "the best kernels are those of one instruction set"
messages = {lib.status_message(number) for number in range(-1, len(status))}
assert len(messages) == len(status) + 1 and b"unknown status" in messages, messages
assert re.fullmatch(r"\d+\.\d+\.\d+", lib.version().decode())
unchecked = set(lib.names) - called
assert not unchecked, f"no check for {sorted(unchecked)}"
print(f"all {len(lib.names)} functions of the header were called")
