"""How a ratio is taken, and when there is none.

The first epoch of a process is dropped; the median of the others is the process's time. Ours is the median of our
processes, a rival's is its best process. Whose processes lie apart by more than a quarter of their median has no
result: the row is void, and so is every ratio with it.
"""

from dataclasses import dataclass
from statistics import median

ENOUGH_PROCESSES = 5
WIDEST_SPREAD = 0.25
ACCURACY_EPOCH, LOWEST_ACCURACY, HIGHEST_ACCURACY = 2, 0.94, 0.98


@dataclass(frozen=True)
class Result:
    """What one row came to; without times `problem` says so in a word or two, and `why`."""

    problem: str = ""
    why: str = ""
    best: float = 0.0
    middle: float = 0.0
    spread: float = 0.0

    @property
    def measured(self):
        return not self.problem

    @property
    def void(self):
        return self.measured and self.spread > WIDEST_SPREAD

    @property
    def usable(self):
        return self.measured and not self.void


def process_time(epochs):
    """Seconds an epoch of one process."""
    return median(epoch["seconds"] for epoch in epochs[1:])


def wrong_accuracy(epochs):
    """The validation accuracy after the second epoch if it is not what this training gives, else None."""
    accuracy = next(epoch["val_accuracy"] for epoch in epochs if epoch["epoch"] == ACCURACY_EPOCH)
    return None if LOWEST_ACCURACY <= accuracy <= HIGHEST_ACCURACY else accuracy


def result(row):
    """The Result of a row of raw epochs."""
    if row["missing"]:
        return Result("not installed", row["missing"])
    if row["failed"]:
        return Result("failed", row["failed"])
    wrong = [accuracy for epochs in row["processes"] if (accuracy := wrong_accuracy(epochs)) is not None]
    if wrong:
        return Result("rejected", f"validation accuracy {wrong[0]:.4f} after epoch {ACCURACY_EPOCH}")
    times = [process_time(epochs) for epochs in row["processes"]]
    middle = median(times)
    return Result(best=min(times), middle=middle, spread=(max(times) - min(times)) / middle)


def ratio(ours, rival):
    """How many times as long the rival takes; None if one of them has no result."""
    return rival.best / ours.middle if ours.usable and rival.usable else None


def fastest(results):
    """The name of the fastest that was measured, void or not: noise must not remove the strongest rival."""
    measured = {name: result for name, result in results.items() if result.measured}
    return min(measured, key=lambda name: measured[name].best, default=None)
