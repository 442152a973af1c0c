"""Writes the first images of MNIST's files, with their labels: first_images.py FROM TO TRAINING TEST."""

import gzip
import struct
import sys
from pathlib import Path


def main(source: str, target: str, training: str, test: str) -> None:
    Path(target).mkdir(exist_ok=True)
    for part, count in (("train", int(training)), ("t10k", int(test))):
        for name, header, each in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
            with gzip.open(f"{source}/{part}-{name}-ubyte.gz") as file:
                data = file.read(header + count * each)
            # The count is the second number of the header.
            Path(f"{target}/{part}-{name}-ubyte").write_bytes(data[:4] + struct.pack(">I", count) + data[8:])


main(*sys.argv[1:])
