"""Checks what the default run's model says: saved_model.py SEVEN EVAL DIGITS, the JSON lines of three runs.

The first test image is a 7, the confusion matrix adds up to the accuracy, and of the drawn digits at least 80 % are
recognised, at least 60 % of each distortion.
"""

import collections
import json
import pathlib
import sys


def require(condition, message):
    if not condition:
        sys.exit(f"error: {message}")


seven, evaluation, digits = ([json.loads(line) for line in open(path, encoding="utf-8")] for path in sys.argv[1:])
(seven,), (evaluation,) = seven, evaluation

probability = seven["probabilities"][7]
print(f"test image 0: {seven['prediction']} with probability {probability}")
require(seven["prediction"] == seven["truth"] == 7 and probability > 0.999, "the first test image is a 7")

matrix = evaluation["confusion"]
total, hits = sum(map(sum, matrix)), sum(matrix[i][i] for i in range(10))
print(f"confusion matrix: {hits} of {total}, accuracy {evaluation['accuracy']}")
require(total == 10_000 and hits / total == evaluation["accuracy"], "the confusion matrix disagrees with the accuracy")

right, count = collections.Counter(), collections.Counter()
for line in digits:
    path = pathlib.Path(line["file"])
    count[path.parent.name] += 1
    right[path.parent.name] += line["prediction"] == int(path.name[0])
for distortion, n in count.items():
    print(f"{distortion:<9} {right[distortion]} of {n}")
    require(right[distortion] >= 0.6 * n, f"{distortion}: fewer than 60 % recognised")
print(f"all       {right.total()} of {count.total()}")
require(count.total() == 200 and right.total() >= 0.8 * 200, "fewer than 80 % of 200 digits recognised")
