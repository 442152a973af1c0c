"""Checks what `mnist-fast train --epochs 1 --json` wrote: json_lines.py FILE ISA THREADS SHA256

ISA and THREADS may be `any`. Everything on stdout is compact JSON lines: start, one epoch, end.
"""

import json
import re
import sys

KEYS = {
    "start": {"event", "version", "isa", "threads", "dataset", "parameters", "config"},
    "epoch": {
        "event", "epoch", "loss", "accuracy", "val_loss", "val_accuracy",
        "seconds", "train_seconds", "images_per_second",
    },
    "end": {"event", "test_loss", "test_accuracy", "test_accuracy_ci95", "weights_sha256", "seconds"},
}  # fmt: skip


def require(condition, message):
    if not condition:
        sys.exit(f"error: {message}")


def no_constant(name):
    raise ValueError(f"{name} is not JSON")


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [n for part in value for n in numbers(part)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


path, isa, threads, golden = sys.argv[1:]
events = []
with open(path, encoding="utf-8") as file:
    text = file.read()
require(text.endswith("\n"), "the last line is not ended")
for line in text.splitlines():
    try:
        event = json.loads(line, parse_constant=no_constant)
    except ValueError as error:
        sys.exit(f"error: stdout has a line that is not JSON ({error}): {line}")
    require(isinstance(event, dict) and event.get("event") in KEYS, f"an unknown event: {line}")
    absent = KEYS[event["event"]] - event.keys()
    require(not absent, f"{event['event']} lacks {sorted(absent)}: {line}")
    bare = re.sub(r'"(\\.|[^"\\])*"', '""', line)
    require(not re.search(r"\s", bare), f"not compact: {line}")
    events.append(event)

require([e["event"] for e in events] == ["start", "epoch", "end"], f"events {[e['event'] for e in events]}")
start, epoch, end = events
require(isa in ("any", start["isa"]), f"the ISA is {start['isa']}, asked for {isa}")
require(threads in ("any", str(start["threads"])), f"the threads are {start['threads']}, asked for {threads}")
require(start["parameters"] == 118_282, f"parameters: {start['parameters']}")
counts = numbers(start)
require(50_000 in counts and counts.count(10_000) >= 2, "start does not count 50000, 10000 and 10000 images")
require(epoch["epoch"] == 1, f"epoch: {epoch['epoch']}")
for name in ("accuracy", "val_accuracy"):
    require(0.8 < epoch[name] < 1, f"{name}: {epoch[name]}")
for name in ("loss", "val_loss"):
    require(0 < epoch[name] < 1, f"{name}: {epoch[name]}")
require(0 < epoch["train_seconds"] <= epoch["seconds"] <= end["seconds"], "the seconds do not add up")
rate = 50_000 / epoch["train_seconds"]
require(abs(epoch["images_per_second"] / rate - 1) < 0.01, "images_per_second is not 50000 / train_seconds")
low, high = end["test_accuracy_ci95"]
require(0.8 < low < end["test_accuracy"] < high < 1, "test_accuracy is not inside its interval")
require(0 < end["test_loss"] < 1, f"test_loss: {end['test_loss']}")
found = end["weights_sha256"]
print(f"{start['isa']:8} {start['threads']} threads  {epoch['seconds']:7.3f} s an epoch  {found}")
require(found == golden, f"the weights' hash is {found}, the golden one is {golden}")
