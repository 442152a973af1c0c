"""The shared library that the first argument names, its functions by the header's signatures, and what its tests share."""

import ctypes
import pathlib
import re
import sys

import numpy as np

HEADER = pathlib.Path(__file__).parents[1] / "include" / "mnist_fast_kernels.h"
TYPES = {
    "size_t": ctypes.c_size_t, "ptrdiff_t": ctypes.c_ssize_t, "float": ctypes.c_float, "double": ctypes.c_double,
    "int32_t": ctypes.c_int32, "uint64_t": ctypes.c_uint64, "mnf_status": ctypes.c_int32, "bool": ctypes.c_bool, "void": None,
}
EPSILON = 2.0**-24

text = re.sub(r"//.*", "", HEADER.read_text())
status = {name: int(value) for name, value in re.findall(r"MNF_STATUS_(\w+) = (\d+)", text)}
assert status["OK"] == 0 and len(status) == 14, status
random = np.random.default_rng(1)
called = set()


class Library:
    """The functions, with the types that the header gives them."""

    def __init__(self, path):
        library = ctypes.CDLL(path)
        pattern = r"^((?:const )?\w+ \*?)(mnf_\w+)\(([^)]*)\);"
        self.names = []
        for result, name, arguments in re.findall(pattern, text, re.MULTILINE):
            function = getattr(library, name)
            function.restype = self.type(result)
            arguments = [] if arguments == "void" else arguments.split(",")
            function.argtypes = [self.type(re.sub(r"\w+$", "", a.strip())) for a in arguments]
            self.names.append(name)
            setattr(self, name[4:], self.counted(name, function))
        assert len(self.names) > 40, self.names

    @staticmethod
    def type(c):
        c = c.strip()
        if c == "const char *":
            return ctypes.c_char_p
        return ctypes.c_void_p if "*" in c else TYPES[c]

    @staticmethod
    def counted(name, function):
        def call(*arguments):
            called.add(name)
            return function(*(a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments))

        return call


lib = Library(sys.argv[1])


def ok(found):
    assert found == 0, lib.status_message(found).decode()


def refused(name, found):
    assert found == status[name], f"{lib.status_message(found).decode()}, not {name}"


def close(what, found, expected, tolerance):
    """`tolerance` is of the size of the terms, an array or a number, in units of rounding."""
    error = np.abs(found.astype(np.float64) - expected)
    worst = np.max(error - tolerance * EPSILON, initial=0)
    assert np.all(np.isfinite(found)) and worst <= 0, f"{what}: {np.max(error)} away from numpy"


def matrix(rows, columns, gap=0, data=None):
    """A float32 matrix whose rows are `columns + gap` apart; the gaps are NaN."""
    whole = np.full((rows, columns + gap), np.nan, np.float32)
    whole[:, :columns] = random.standard_normal((rows, columns)) if data is None else data
    return whole[:, :columns]


def ld(x):
    return x.base.shape[1]


def gaps_are_untouched(what, x):
    assert np.all(np.isnan(x.base[:, x.shape[1] :])), f"{what}: a gap was written"


def strided(x, layout):
    """A copy of x in memory of its own, laid out as `layout` says, with its strides in elements."""
    rows, columns = x.shape
    if layout == "rows":
        view = np.full((rows, columns + 3), np.nan, np.float32)[:, :columns]
    elif layout == "columns":
        view = np.full((columns, rows + 2), np.nan, np.float32)[:, :rows].T
    elif layout == "backwards":
        view = np.full((rows, columns), np.nan, np.float32)[::-1, ::-1]
    else:
        view = np.full((2 * rows + 1, 3 * columns), np.nan, np.float32)[: 2 * rows : 2, ::3]
    view[...] = x
    return view


def strides(x):
    return x.strides[0] // 4, x.strides[1] // 4


class Sparse(ctypes.Structure):
    """mnf_sparse."""

    _fields_ = [
        ("form", ctypes.c_int32), ("rows", ctypes.c_size_t), ("columns", ctypes.c_size_t), ("elements", ctypes.c_void_p),
        ("ld", ctypes.c_size_t), ("indices", ctypes.c_void_p), ("starts", ctypes.c_void_p), ("ends", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
    ]  # fmt: skip


class Rule(ctypes.Structure):
    """mnf_rule."""

    _fields_ = [(name, ctypes.c_int32) for name in ("optimizer", "nesterov", "centered", "epsilon_outside_root")]
    _fields_ += [("iteration", ctypes.c_uint64)]
    _fields_ += [
        (name, ctypes.c_double)
        for name in (
            "learning_rate", "momentum", "rho", "beta_1", "beta_2", "epsilon", "l2", "gradient_scale", "clip_value", "weight_decay"
        )
    ]  # fmt: skip


class Matrix(ctypes.Structure):
    """mnf_matrix."""

    _fields_ = [("elements", ctypes.c_void_p), ("ld", ctypes.c_size_t)]


def fields_are_the_headers(structure, name):
    body = re.search(r"typedef struct (?:\w+ )?\{([^}]*)\} " + name + ";", text).group(1)
    fields = re.findall(r"(\w+);", body)
    assert fields == [field for field, _ in structure._fields_], (name, fields)


fields_are_the_headers(Sparse, "mnf_sparse")
fields_are_the_headers(Rule, "mnf_rule")
fields_are_the_headers(Matrix, "mnf_matrix")


def of(structure):
    return ctypes.addressof(structure)
