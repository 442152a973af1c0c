"""Counts the code lines of the thin harness and fails above the limit given.

The harness is what `train` needs to train: the files below. The commands, what they print and draw (draw/,
statistics.rs) and finding data (dataset/) can go without a trained weight changing, and are not counted.

A code line is neither blank nor only a comment; a file's unit tests, at its end, are not counted.
"""

import pathlib
import re
import sys

FILES = ("idx", "batch", "network", "metrics", "main", "shared", "team")
FOLDERS = ("train", "batch")


def code_lines(path):
    text = path.read_text(encoding="utf-8")
    text = re.split(r"^#\[cfg\(test\)\]\s*\nmod \w+ \{", text, maxsplit=1, flags=re.MULTILINE)[0]
    lines = (line.strip() for line in text.splitlines())
    return sum(1 for line in lines if line and not line.startswith("//"))


src = pathlib.Path("src")
files = [path for name in FILES if (path := src / f"{name}.rs").is_file()]
files += [path for name in FOLDERS for path in sorted((src / name).rglob("*.rs"))]
counts = {path: code_lines(path) for path in files}
for path, count in counts.items():
    print(f"{count:6} {path}")
total, limit = sum(counts.values()), int(sys.argv[1])
print(f"{total:6} of at most {limit}")
sys.exit(total > limit)
