"""The table and its sentences, from canned results."""

import unittest
from pathlib import Path

from harness.table import render
from tests.canned import measured, ours, process, row

EXPECTED = Path(__file__).with_name("expected.md")
STEADY = (0.5, 0.5, 0.5, 0.5, 0.5)


def line(text, start):
    """The one line that begins so, after the mark of a list."""
    lines = [line.removeprefix("- ") for line in text.splitlines()]
    found = [line for line in lines if line.startswith(start)]
    if len(found) != 1:
        raise AssertionError(f"{len(found)} lines begin with {start!r} in:\n{text}")
    return found[0]


# The whole output shows where it differs.
unittest.TestCase.maxDiff = None


class Whole(unittest.TestCase):
    """Every kind of row at once, as expected.md has it: written by hand, checked by eye."""

    def test_the_whole_output(self):
        text = render(
            measured(
                *ours(),
                row("keras", (2.0, 2.2, 2.1, 2.1, 2.1)),
                row("jax", (0.45, 0.44, 0.5, 0.46, 0.47)),
                row("noisy", (0.9, 0.9, 0.9, 0.9, 1.3)),
                row("torch", missing="install torch"),
                row("candle", (0.5,), failed="round 2: exit status 1: no"),
                row("wrong", processes=[process(0.1, 0.5)] * 5),
                row("csr", (0.3, 0.3, 0.3, 0.31, 0.3), "by hand", dense=False, threads=1),
                row("onednn", (0.32, 0.32, 0.33, 0.33, 0.32), "by hand"),
            )
        )
        self.assertEqual(text, EXPECTED.read_text(encoding="utf-8"))


class Sentences(unittest.TestCase):
    def test_a_void_run_of_ours_voids_every_ratio_with_it(self):
        text = render(measured(*ours(default=(0.1, 0.1, 0.1, 0.1, 0.13)), row("jax", STEADY)))
        self.assertEqual(line(text, "default against the best framework"),
                         "default against the best framework: void, ours: spread 30%")  # fmt: skip
        self.assertIn("2.50 (JAX)", line(text, "dense against the best dense framework"))
        self.assertRegex(line(text, "| JAX "), r"\| void +\| 2\.50 +\|$")
        self.assertIn("no ratio to split", line(text, "sparsity and code"))

    def test_a_void_rival_that_is_the_fastest_voids_the_headline(self):
        text = render(measured(*ours(), row("jax", STEADY), row("noisy", (0.4, 0.4, 0.8, 0.4, 0.4))))
        self.assertIn("void, NOISY: spread 100%", line(text, "default against the best framework"))
        self.assertIn("no ratio to split", line(text, "sparsity and code"))

    def test_a_sparse_rival_is_no_dense_one(self):
        text = render(measured(*ours(), row("jax", STEADY), row("csr", [0.2] * 5, "by hand", dense=False)))
        self.assertIn("2.00 (CSR)", line(text, "default against the best of all"))
        self.assertIn("2.50 (JAX)", line(text, "dense against the best dense of all"))

    def test_code_times_sparsity_is_the_whole(self):
        text = render(measured(*ours(), row("jax", STEADY)))
        self.assertEqual(
            line(text, "sparsity and code"),
            "sparsity and code: of 5.00 against JAX, 2.50 is code and a factor of 2.00 sparsity",
        )

    def test_ours_missing_is_said_and_nothing_is_against_it(self):
        missing = [row(name, kind="ours", missing="cargo build") for name in ("mnist-fast", "mnist-fast-dense")]
        text = render(measured(*missing, row("jax", STEADY)))
        self.assertIn("none, ours: not installed (cargo build)", line(text, "default against the best framework"))
        self.assertRegex(line(text, "| JAX "), r"\| - +\| - +\|$")

    def test_too_few_processes_are_no_result(self):
        self.assertNotIn("no result", render(measured(*ours())))
        self.assertIn("no result: 4 processes", render(measured(*ours(), rounds=4)))

    def test_who_is_not_limited_to_avx2_is_listed(self):
        text = render(measured(*ours(), row("jax", STEADY, beyond_avx2="its libraries"), row("x", STEADY), avx2=True))
        self.assertEqual(line(text, "not wholly limited"), "not wholly limited to AVX2: JAX")
        self.assertIn("wide; not limited: its libraries", line(text, "| JAX "))
        self.assertIn("everybody limited to AVX2", text)

    def test_who_was_not_asked_for_is_named(self):
        text = render(measured(*ours(), left_out=["JAX", "burn"]))
        self.assertEqual(line(text, "left out"), "left out by --only: JAX; burn")

    def test_processes_that_were_run_again_are_counted(self):
        rows = row("jax", STEADY, repeats=3), row("x", STEADY, repeats=1)
        self.assertTrue(line(render(measured(*ours(), *rows)), "run again").endswith(": 4 processes"))
        self.assertNotIn("run again", render(measured(*ours(), row("jax", STEADY, repeats=0))))

    def test_no_rivals_no_ratios(self):
        text = render(measured(*ours()))
        self.assertIn("none was measured", line(text, "default against Keras' fit"))


if __name__ == "__main__":
    unittest.main()
