"""Checks what `cargo bench -- --json` wrote for the filter 64x128x784: bench_lines.py FILE LOCK HELPER_LOCK

Every line has the fields that readers rely on, the contenders that need nothing installed are there, and no two lines
are about the same thing. The helper's lock file may name no package that the workspace's does not.
"""

import json
import os
import platform
import re
import sys

FIELDS = {
    "bench": str, "op": str, "shape": str, "contender": str, "isa": str, "threads": int, "gflops": float,
    "percent_of_peak": (float, type(None)), "best_gflops": float, "spread_percent": float,
}  # fmt: skip


def require(condition, message):
    if not condition:
        sys.exit(f"error: {message}")


def packages(path):
    with open(path, encoding="utf-8") as file:
        found = re.findall(r'^name = "(.*)"\nversion = "(.*)"$', file.read(), re.MULTILINE)
    require(found, f"{path} names no package")
    return set(found)


path, lock, helper_lock = sys.argv[1:]
rows = {}
with open(path, encoding="utf-8") as file:
    for line in map(str.rstrip, file):
        row = json.loads(line)
        for name, kind in FIELDS.items():
            require(name in row, f"no {name}: {line}")
            require(isinstance(row[name], kind), f"{name} is a {type(row[name]).__name__}: {line}")
        require(row["bench"] == "mnist-fast", f"bench: {line}")
        require(0 < row["gflops"] <= row["best_gflops"], f"the median is above the best: {line}")
        require(row["percent_of_peak"] is None or row["percent_of_peak"] > 0, f"percent_of_peak: {line}")
        require(row["spread_percent"] >= 0, f"spread_percent: {line}")
        gemm = row["op"] == "gemm"
        require(gemm or not row["op"].startswith("gemm"), f"another operation named as SGEMM is: {line}")
        require(row["shape"] == ("NN 64x128x784" if gemm else "64x128x784"), f"shape: {line}")
        key = tuple(row[name] for name in ("op", "shape", "contender", "isa", "threads"))
        require(key not in rows, f"a second line for {key}")
        rows[key] = row

products = {key[2:] for key in rows if key[0] == "gemm"}
names = {contender for contender, _, threads in products if threads == 1}
needed = {"ours", "ours packed", "naive", "matrixmultiply", "gemm", "faer"}
require(needed <= names, f"no line for {sorted(needed - names)}")
require(any(key[0] == "dense_forward_relu" for key in rows), "no line for dense_forward_relu")
if len(os.sched_getaffinity(0)) >= 2:
    two = [row for (op, _, name, _, threads), row in rows.items() if (op, name, threads) == ("gemm", "ours", 2)]
    require(len(two) == 1, f"{len(two)} lines for ours on two threads")
    require(two[0].get("times_one_thread", 0) > 0, "times_one_thread is missing")
with open("/proc/cpuinfo", encoding="utf-8") as file:
    flags = set(re.findall(r"\w+", next((line for line in file if line.startswith("flags")), "")))
if platform.machine() == "x86_64" and {"avx512f", "avx2", "fma"} <= flags:
    for name in ("ours", "ours packed", "matrixmultiply", "gemm", "faer"):
        require((name, "avx2", 1) in products, f"no line for {name} on avx2")

for contender, isa, threads in sorted(products):
    print(f"{contender:16} {isa:8} threads {threads}")

strangers = packages(helper_lock) - packages(lock) - {("mnist-fast-bench-helper", "0.1.0")}
require(not strangers, f"{helper_lock} names what {lock} does not: {sorted(strangers)}")
