"""Who takes part: how each peer is installed, started, and held to AVX2."""

from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent

OURS, OURS_DENSE, KERAS = "mnist-fast", "mnist-fast-dense", "keras"

# Of what a limit to AVX2 does not reach, said in the table.
WHOLLY = ""


@dataclass(frozen=True)
class Venv:
    """A virtual environment of its own, so that no peer changes another's packages."""

    packages: tuple

    def command(self, folder, _avx2):
        return [str(folder / "bin" / "python")]


@dataclass(frozen=True)
class Cargo:
    """A package of the workspace in rust/; `versioned` is the crate whose version counts."""

    package: str
    versioned: str

    def command(self, folder, avx2):
        return [str(built(folder, avx2) / "release" / self.package)]


@dataclass(frozen=True)
class Cpp:
    """A program of one file."""

    source: str
    libraries: tuple
    header: str
    debian: str

    def command(self, folder, avx2):
        return [str(built(folder, avx2) / "peer")]


def built(folder, avx2):
    """Compiled peers have a second build for AVX2."""
    return folder.with_name(folder.name + "-avx2") if avx2 else folder


INSTALLS = {
    "keras": Venv(("keras", "tensorflow-cpu")),
    "torch": Venv(("torch", "numpy")),
    "jax": Venv(("jax",)),
    "sklearn": Venv(("scikit-learn",)),
    "numpy": Venv(("numpy", "scipy", "threadpoolctl")),
    "burn": Cargo("peer-burn", "burn"),
    "candle": Cargo("peer-candle", "candle-core"),
    "onednn": Cpp("onednn/main.cpp", ("dnnl",), "oneapi/dnnl/dnnl.h", "libdnnl-dev"),
}

ONEDNN_AVX2 = {"DNNL_MAX_CPU_ISA": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
XLA_AVX2 = {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}
OPENBLAS_AVX2 = {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"}
TORCH_AVX2 = ONEDNN_AVX2 | {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}


@dataclass(frozen=True)
class Peer:
    """A row of the table."""

    name: str
    title: str
    kind: str  # "ours", "framework", or "by hand": a rival written for this comparison
    install: str = ""
    script: str = ""
    mode: str = ""
    dense: bool = True  # whether it multiplies zero pixels
    threads: int = 0  # 0: as many as everybody has
    environment: dict = field(default_factory=dict)
    avx2: dict = field(default_factory=dict)  # the environment that limits it
    beyond_avx2: str = WHOLLY

    def command(self, root, avx2):
        """The program, without the options that all peers take."""
        command = INSTALLS[self.install].command(root / self.install, avx2)
        command += [str(HERE / "python" / self.script)] if self.script else []
        return command + (["--mode", self.mode] if self.mode else [])


def python(name, title, install, script, mode="", kind="framework", **more):
    return Peer(name, title, kind, install, script, mode, **more)


TENSORFLOW_REST = "TensorFlow's loops outside of oneDNN and XLA"
TORCH_COMPILES = "the compiler beneath torch.compile (-march=native)"
XLA_REST = "the libraries in XLA, which look at the CPU themselves"
SKLEARN_REST = "scikit-learn's and scipy's loops outside of OpenBLAS"
BURN_REST = "burn's loops outside of its GEMM"

# OpenBLAS' threads cost such small products more than they bring: numpy also runs on one.
PEERS = (
    Peer(OURS, "mnist-fast", "ours", dense=False),
    Peer(OURS_DENSE, "mnist-fast --sparse never", "ours"),
    python(KERAS, "Keras, model.fit", "keras", "keras_fit.py", "fit",
           avx2=ONEDNN_AVX2 | XLA_AVX2, beyond_avx2=TENSORFLOW_REST),
    python("keras-tuned", "Keras, XLA, 391 steps a call", "keras", "keras_fit.py", "tuned",
           avx2=ONEDNN_AVX2 | XLA_AVX2, beyond_avx2=TENSORFLOW_REST),
    python("torch", "PyTorch, eager", "torch", "torch_mlp.py", "eager", avx2=TORCH_AVX2),
    python("torch-manual", "PyTorch, gradients by hand", "torch", "torch_mlp.py", "manual", avx2=TORCH_AVX2),
    python("torch-compile", "PyTorch, torch.compile", "torch", "torch_mlp.py", "compile",
           avx2=TORCH_AVX2, beyond_avx2=TORCH_COMPILES),
    python("jax-scan", "JAX, jitted scan over the epoch", "jax", "jax_mlp.py", "scan",
           avx2=XLA_AVX2, beyond_avx2=XLA_REST),
    python("jax-step", "JAX, jitted step", "jax", "jax_mlp.py", "step", avx2=XLA_AVX2, beyond_avx2=XLA_REST),
    python("sklearn", "scikit-learn (Adam)", "sklearn", "sklearn_mlp.py",
           avx2=OPENBLAS_AVX2, beyond_avx2=SKLEARN_REST),
    Peer("burn", "burn (Flex)", "framework", "burn", beyond_avx2=BURN_REST),
    Peer("candle", "candle", "framework", "candle"),
    python("numpy", "numpy", "numpy", "numpy_mlp.py", "dense", kind="by hand", avx2=OPENBLAS_AVX2),
    python("numpy-1", "numpy, one thread", "numpy", "numpy_mlp.py", "dense", kind="by hand",
           threads=1, avx2=OPENBLAS_AVX2),
    python("numpy-csr", "numpy with scipy's CSR, one thread", "numpy", "numpy_mlp.py", "csr", kind="by hand",
           dense=False, threads=1, avx2=OPENBLAS_AVX2),
    Peer("onednn", "C++ on oneDNN", "by hand", "onednn", avx2=ONEDNN_AVX2,
         environment={"OMP_PROC_BIND": "close"}),
)  # fmt: skip


def chosen(names):
    """Ours, and the peers of those names; without names all. An unknown name ends the program."""
    known = {peer.name: peer for peer in PEERS}
    unknown = sorted(set(names) - known.keys())
    if unknown:
        raise SystemExit(f"error: no peer is called {', '.join(unknown)}; there are {', '.join(known)}")
    return [peer for peer in PEERS if not names or peer.kind == "ours" or peer.name in names]
