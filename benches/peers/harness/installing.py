"""Puts the peers into folders of their own; nothing outside of them is changed but the caches of pip and cargo."""

import os
import subprocess
import sys
from pathlib import Path

from harness.roster import HERE, INSTALLS, Cargo, Cpp, Venv, built


class CannotInstall(Exception):
    """Says why, and what to do."""


def install(names, root, avx2):
    """Installs what these names stand for (all without names). Goes on after a failure; True if there was none."""
    unknown = sorted(set(names) - INSTALLS.keys())
    if unknown:
        raise SystemExit(f"error: cannot install {', '.join(unknown)}; there are {', '.join(INSTALLS)}")
    failed = []
    for name in names or INSTALLS:
        print(f"=== {name}", flush=True)
        recipe = INSTALLS[name]
        folder = root / name
        try:
            if isinstance(recipe, Venv):
                venv(recipe, folder)
            else:
                for limited in (False, True) if avx2 else (False,):
                    (cargo if isinstance(recipe, Cargo) else cpp)(recipe, built(folder, limited), limited)
        except CannotInstall as error:
            print(f"error: {name}: {error}", file=sys.stderr)
            failed.append(name)
    if failed:
        print(f"not installed: {', '.join(failed)}", file=sys.stderr)
    return not failed


def call(command, **options):
    print("$", *command, flush=True)
    try:
        return subprocess.run(command, check=True, **options)
    except FileNotFoundError:
        raise CannotInstall(f"{command[0]} is missing") from None
    except subprocess.CalledProcessError as error:
        raise CannotInstall(f"{Path(command[0]).name} ended with {error.returncode}") from None


def venv(recipe, folder):
    call([sys.executable, "-m", "venv", str(folder)])
    call([str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *recipe.packages])


def cargo(recipe, folder, avx2):
    workspace = HERE / "rust"
    call(["cargo", "fetch"], cwd=workspace)
    spec = ["cargo", "pkgid", "--offline", recipe.versioned]
    version = call(spec, cwd=workspace, capture_output=True, text=True).stdout.strip()
    version = version.rsplit("#", 1)[-1].rsplit("@", 1)[-1]
    # `native` without AVX-512 in the loops would still find it at run time in the GEMM, hence the feature.
    cpu = "haswell" if avx2 else "native"
    environment = os.environ | {"RUSTFLAGS": f"-C target-cpu={cpu}", "PEER_VERSION": version}
    features = ["--no-default-features"] if avx2 else []
    build = ["cargo", "build", "--release", "-p", recipe.package, "--target-dir", str(folder), *features]
    call(build, cwd=workspace, env=environment)


def cpp(recipe, folder, avx2):
    compiler = os.environ.get("CXX", "g++")
    include = f"#include <{recipe.header}>\n"
    probe = [compiler, "-x", "c++", "-fsyntax-only", "-"]
    try:
        call(probe, input=include, text=True, capture_output=True)
    except CannotInstall:
        raise CannotInstall(f"{compiler} finds no {recipe.header} (Debian: {recipe.debian})") from None
    folder.mkdir(parents=True, exist_ok=True)
    cpu = ["-march=haswell"] if avx2 else ["-march=native"]
    if not avx2 and "avx512f" in cpu_flags():
        cpu.append("-mprefer-vector-width=512")
    libraries = [f"-l{library}" for library in recipe.libraries]
    flags = ["-std=c++17", "-O3", *cpu, "-ffast-math", "-fopenmp"]
    call([compiler, *flags, str(HERE / recipe.source), *libraries, "-o", str(folder / "peer")])


def cpu_flags():
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return []
