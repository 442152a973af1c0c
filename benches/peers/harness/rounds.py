"""Runs one process of each peer in turn, round after round, everybody with the same threads and a clean environment."""

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from harness.machine import stolen
from harness.roster import OURS, PEERS, REPOSITORY, chosen

# What decides about threads or instruction sets and may be left over in the caller's environment.
DECIDING = (
    "OPENBLAS_", "GOTO_", "BLIS_", "MKL_", "OMP_", "GOMP_", "KMP_", "DNNL_", "ONEDNN_", "XLA_", "TF_", "JAX_",
    "ATEN_", "TORCH", "RAYON_", "NPY_", "NUMEXPR_", "VECLIB_", "GLIBC_TUNABLES", "LD_PRELOAD", "PYTHON",
)  # fmt: skip
TIMEOUT = 900
# An idle machine is what the rule asks for. One whose host gave more than this share of the CPUs to others while a process ran
# was not idle: who was measured then is measured again, so many times at most.
MOST_STOLEN = 0.02
REPEATS = 5


class Failed(Exception):
    """A process that gave no measurement; says why in a few words."""


def data_folder(root):
    """MNIST's raw IDX files, unpacked from the repository's once."""
    folder = root / "data"
    folder.mkdir(parents=True, exist_ok=True)
    for packed in sorted((REPOSITORY / "data" / "mnist").glob("*.gz")):
        raw = folder / packed.stem
        if not raw.exists():
            part = raw.with_suffix(".part")
            part.write_bytes(gzip.decompress(packed.read_bytes()))
            part.rename(raw)
    return folder


def environment(root, threads, avx2):
    """The caller's without what decides about speed; threads and caches as they are for everybody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(DECIDING)}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"):
        kept[name] = str(threads)
    kept |= {"TF_NUM_INTRAOP_THREADS": str(threads), "TF_NUM_INTEROP_THREADS": str(threads)}
    kept |= {"XDG_CACHE_HOME": str(root / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    # torch.compile's cache does not tell instruction sets apart: with the other's code it learns nothing.
    return kept | {"TORCHINDUCTOR_CACHE_DIR": str(root / "cache" / f"torch-{'avx2' if avx2 else 'native'}-{threads}")}


def command_of(peer, settings):
    """The whole command line of one process."""
    threads = peer.threads or settings.threads
    if peer.kind == "ours":
        command = [str(settings.ours), "train", "--json", "--epochs", str(settings.epochs), "--threads", str(threads)]
        command += ["--isa", "avx2"] if settings.avx2 else []
        return command + ([] if peer.name == OURS else ["--sparse", "never"])
    command = peer.command(settings.root, settings.avx2)
    command += ["--data", str(settings.data), "--epochs", str(settings.epochs)]
    return command + (["--threads", str(threads)] if peer.script else [])


def confine(threads):
    """Fewer threads than CPUs: everybody's process gets only as many CPUs as threads, the last ones."""
    cpus = sorted(os.sched_getaffinity(0))
    if threads < len(cpus):
        return lambda: os.sched_setaffinity(0, cpus[-threads:])
    return None


def undisturbed(run):
    """What `run` returns, and how often it was run again because the machine's host took CPUs away."""
    for repeats in range(REPEATS + 1):
        start, before = time.monotonic(), stolen()
        result = run()
        share = (stolen() - before) / ((time.monotonic() - start) * (os.cpu_count() or 1))
        if share <= MOST_STOLEN:
            break
    return result, repeats


def run_process(command, env, before=None, timeout=TIMEOUT):
    """Its start line and its epochs; raises Failed."""
    try:
        done = subprocess.run(
            command, env=env, preexec_fn=before, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {timeout} s") from None
    if done.returncode != 0:
        last = ([line for line in done.stderr.splitlines() if line.strip()] or ["no message"])[-1]
        raise Failed(f"exit status {done.returncode}: {last.strip()[:120]}")
    start, epochs = {}, []
    for line in done.stdout.splitlines():
        if not line.startswith("{"):
            continue
        try:
            event = json.loads(line)
        except ValueError:
            raise Failed(f"wrote no JSON: {line[:80]}") from None
        if "epoch" in event:
            epochs.append({name: event[name] for name in ("epoch", "seconds", "val_accuracy")})
        elif "version" in event:
            start = event
    return start, epochs


def measure(settings, names):
    """Rounds of all chosen peers; the result that table.py reads, without the machine."""
    peers = chosen(names)
    rows = {
        peer.name: {
            "name": peer.name, "title": peer.title, "kind": peer.kind, "dense": peer.dense,
            "threads": peer.threads or settings.threads, "version": "", "isa": "",
            "beyond_avx2": peer.beyond_avx2 if settings.avx2 else "", "missing": "", "failed": "", "processes": [], "repeats": 0,
        }
        for peer in peers
    }  # fmt: skip
    for peer in peers:
        program = command_of(peer, settings)[0]
        if not Path(program).exists():
            rows[peer.name]["missing"] = how_to_install(peer, settings)
    for number in range(settings.rounds):
        # Each round begins one further on, so that nobody always runs after the same neighbour has warmed the CPU.
        turn = number % len(peers)
        for peer in peers[turn:] + peers[:turn]:
            row = rows[peer.name]
            if not row["missing"] and not row["failed"]:
                one(peer, row, settings, number)
    return {
        "epochs": settings.epochs, "rounds": settings.rounds, "avx2": settings.avx2,
        "left_out": [peer.title for peer in PEERS if peer not in peers], "peers": list(rows.values()),
    }  # fmt: skip


def one(peer, row, settings, number):
    """One process of one peer, into its row."""
    env = environment(settings.root, row["threads"], settings.avx2) | peer.environment
    env |= peer.avx2 if settings.avx2 else {}
    says = f"round {number + 1} of {settings.rounds}: {peer.name}"
    try:
        (start, epochs), repeats = undisturbed(
            lambda: run_process(command_of(peer, settings), env, confine(settings.threads))
        )
        if len(epochs) != settings.epochs:
            raise Failed(f"{len(epochs)} epochs instead of {settings.epochs}")
    except Failed as error:
        row["failed"] = f"round {number + 1}: {error}"
        print(f"{says}: {error}", file=sys.stderr, flush=True)
        return
    row["version"], row["isa"] = str(start.get("version", "")), str(start.get("isa", ""))
    row["processes"].append(epochs)
    row["repeats"] += repeats
    print(f"{says}: {min(epoch['seconds'] for epoch in epochs):.3f} s", file=sys.stderr, flush=True)


def how_to_install(peer, settings):
    if peer.kind == "ours":
        return "cargo build --release"
    return f"install {'--avx2 ' if settings.avx2 else ''}{peer.install}"
