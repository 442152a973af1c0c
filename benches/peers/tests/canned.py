"""Results as harness.rounds.measure returns them, made of seconds."""


def process(seconds, accuracy=0.96):
    """A slow first epoch, then three of which `seconds` is the median."""
    times = (9.0, seconds * 1.01, seconds, seconds * 0.99)
    return [{"epoch": i + 1, "seconds": time, "val_accuracy": accuracy} for i, time in enumerate(times)]


def row(name, times=(), kind="framework", dense=True, **more):
    base = {
        "name": name, "title": name.upper(), "kind": kind, "dense": dense, "threads": 2, "version": "1.2", "isa": "wide",
        "beyond_avx2": "", "missing": "", "failed": "", "processes": [process(time) for time in times],
    }  # fmt: skip
    return base | more


def ours(default=(0.10, 0.10, 0.10, 0.11, 0.12), dense=(0.20, 0.19, 0.20, 0.20, 0.20)):
    return [
        row("mnist-fast", default, "ours", dense=False),
        row("mnist-fast-dense", dense, "ours"),
    ]


def measured(*rows, rounds=5, avx2=False, left_out=()):
    machine = {"date": "2026-01-02", "cpu": "A CPU", "cpus": 2, "system": "Linux 6.1", "load": 0.04}
    settings = {"epochs": 4, "rounds": rounds, "avx2": avx2, "left_out": list(left_out)}
    return {"machine": machine, **settings, "peers": list(rows)}
