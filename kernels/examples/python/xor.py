"""Trains a 2-8-1 network on XOR with the kernels, from Python without any package. In the folder of the workspace:

    cargo rustc -p mnist-fast-kernels --release --features capi --crate-type cdylib
    python3 kernels/examples/python/xor.py target/release/libmnist_fast_kernels.so

(.dylib on macOS, mnist_fast_kernels.dll on Windows). The functions and their arguments are those of
kernels/include/mnist_fast_kernels.h.
"""

import ctypes
import sys
from ctypes import POINTER, c_char_p, c_double, c_float, c_int32, c_size_t, c_uint64, c_void_p

lib = ctypes.CDLL(sys.argv[1])
floats = POINTER(c_float)
# ctypes takes what it is not told for an int: name all types.
lib.mnf_version.restype = lib.mnf_isa_name.restype = lib.mnf_status_message.restype = c_char_p
lib.mnf_kernels_best.restype = lib.mnf_workspace_new.restype = c_void_p
lib.mnf_kernels_isa.argtypes = lib.mnf_workspace_free.argtypes = [c_void_p]
lib.mnf_workspace_free.restype = None
lib.mnf_dense_forward.argtypes = [
    c_void_p, c_size_t, c_size_t, c_size_t, floats, c_size_t, floats, c_size_t, floats, c_int32, floats, c_size_t, c_void_p,
]
lib.mnf_dense_input_gradient.argtypes = [
    c_void_p, c_size_t, c_size_t, c_size_t, floats, c_size_t, floats, c_size_t, floats, c_size_t, floats, c_size_t, c_void_p,
]
lib.mnf_dense_weight_gradient.argtypes = [
    c_void_p, c_size_t, c_size_t, c_size_t, floats, c_size_t, floats, c_size_t, floats, c_size_t, c_void_p,
]
lib.mnf_dense_bias_gradient.argtypes = [c_void_p, c_size_t, c_size_t, floats, c_size_t, floats]
lib.mnf_tanh.argtypes = lib.mnf_sigmoid.argtypes = [c_void_p, c_size_t, floats]
lib.mnf_tanh_gradient.argtypes = [c_void_p, c_size_t, floats, floats]
lib.mnf_binary_cross_entropy.argtypes = [c_void_p, c_size_t, floats, floats, c_size_t, floats, floats]
lib.mnf_adam.argtypes = [
    c_void_p, c_double, c_double, c_double, c_double, c_uint64, c_size_t, floats, floats, floats, floats,
]


def check(status):
    """Raises unless a call went well."""
    if status != 0:
        raise RuntimeError(lib.mnf_status_message(status).decode())


def array(values):
    return (c_float * len(values))(*values)


LINEAR, SAMPLES, HIDDEN = 0, 4, 8
kernels = lib.mnf_kernels_best()
workspace = lib.mnf_workspace_new()
if not workspace:
    sys.exit("error: no memory for a workspace")
print(f"mnist-fast-kernels {lib.mnf_version().decode()}, {lib.mnf_isa_name(lib.mnf_kernels_isa(kernels)).decode()}")

x, targets = array([0, 0, 0, 1, 1, 0, 1, 1]), array([0, 1, 1, 0])
# Weights are inputs x outputs, row-major; any numbers that differ will do to start from.
w1, b1 = array([i * 7 % 16 / 8 - 0.9 for i in range(16)]), array([0.0] * 8)
w2, b2 = array([i * 5 % 8 / 4 - 0.9 for i in range(8)]), array([0.0])
dw1, db1, dw2, db2 = (array([0.0] * len(p)) for p in (w1, b1, w2, b2))
parameters = [(p, g, array([0.0] * len(p)), array([0.0] * len(p))) for p, g in ((w1, dw1), (b1, db1), (w2, dw2), (b2, db2))]
h, dh, z, dz, losses = (array([0.0] * n) for n in (32, 32, 4, 4, 4))

for step in range(500):
    # Forward: a layer with tanh, then one logit a sample, its loss and gradient.
    check(lib.mnf_dense_forward(kernels, SAMPLES, 2, HIDDEN, x, 2, w1, HIDDEN, b1, LINEAR, h, HIDDEN, workspace))
    check(lib.mnf_tanh(kernels, len(h), h))
    check(lib.mnf_dense_forward(kernels, SAMPLES, HIDDEN, 1, h, HIDDEN, w2, 1, b2, LINEAR, z, 1, workspace))
    check(lib.mnf_binary_cross_entropy(kernels, SAMPLES, z, targets, SAMPLES, dz, losses))
    # Backward, then a step of Adam on each parameter.
    check(lib.mnf_dense_input_gradient(kernels, SAMPLES, HIDDEN, 1, dz, 1, w2, 1, None, 0, dh, HIDDEN, workspace))
    check(lib.mnf_tanh_gradient(kernels, len(h), h, dh))
    check(lib.mnf_dense_weight_gradient(kernels, SAMPLES, HIDDEN, 1, h, HIDDEN, dz, 1, dw2, 1, workspace))
    check(lib.mnf_dense_weight_gradient(kernels, SAMPLES, 2, HIDDEN, x, 2, dh, HIDDEN, dw1, HIDDEN, workspace))
    check(lib.mnf_dense_bias_gradient(kernels, SAMPLES, 1, dz, 1, db2))
    check(lib.mnf_dense_bias_gradient(kernels, SAMPLES, HIDDEN, dh, HIDDEN, db1))
    for p, gradient, m, v in parameters:
        check(lib.mnf_adam(kernels, 0.05, 0.9, 0.999, 1e-7, step, len(p), p, m, v, gradient))
    if step % 100 == 0:
        print(f"step {step}: loss {sum(losses) / SAMPLES:.4f}")

check(lib.mnf_sigmoid(kernels, SAMPLES, z))
lib.mnf_workspace_free(workspace)
for i in range(SAMPLES):
    print(f"{x[2 * i]:g} xor {x[2 * i + 1]:g} = {z[i]:.4f}")
if not all(abs(p - target) < 0.05 for p, target in zip(z, targets)):
    sys.exit("error: XOR was not learned")
