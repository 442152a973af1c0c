"""Processes, with programs that only pretend to train."""

import contextlib
import io
import os
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from harness.roster import PEERS
from harness.rounds import REPEATS, Failed, environment, measure, run_process, undisturbed
from harness.table import render

ECHO = """#!/bin/sh
echo "$0 $*" >> "{log}"
echo '{{"version":"7","isa":"none"}}'
echo noise
i=1
while [ $i -le {epochs} ]; do
    echo "{{\\"epoch\\":$i,\\"seconds\\":0.5,\\"val_accuracy\\":0.96}}"
    i=$((i + 1))
done
"""


class Processes(unittest.TestCase):
    def run_python(self, code, **more):
        return run_process([sys.executable, "-c", code], dict(os.environ), **more)

    def test_the_start_line_and_the_epochs_are_read_and_the_rest_is_not(self):
        code = """print('{"version": 1}\\nhello\\n{"epoch": 1, "seconds": 2, "val_accuracy": 3, "loss": 4}\\n{"event": 1}')"""
        start, epochs = self.run_python(code)
        self.assertEqual(start, {"version": 1})
        self.assertEqual(epochs, [{"epoch": 1, "seconds": 2, "val_accuracy": 3}])

    def test_a_failure_says_the_last_line_of_standard_error(self):
        with self.assertRaisesRegex(Failed, "exit status 3: second$"):
            self.run_python("import sys; sys.stderr.write('first\\nsecond\\n\\n'); sys.exit(3)")

    def test_half_a_line_of_json_is_a_failure(self):
        with self.assertRaisesRegex(Failed, "no JSON"):
            self.run_python("""print('{"epoch": 1')""")

    def test_a_process_that_hangs_is_a_failure(self):
        with self.assertRaisesRegex(Failed, "not done after 0.2 s"):
            self.run_python("import time; time.sleep(20)", timeout=0.2)


class Undisturbed(unittest.TestCase):
    """The host's share is made up: so many CPU seconds are gone after each run."""

    def repeats(self, *lost):
        gone = [total for i in range(len(lost)) for total in (sum(lost[:i]), sum(lost[: i + 1]))]
        runs = iter(range(len(lost)))
        with (
            mock.patch("harness.rounds.stolen", side_effect=gone),
            mock.patch("harness.rounds.time.monotonic", side_effect=range(2 * len(lost))),
            mock.patch("harness.rounds.os.cpu_count", return_value=2),
        ):
            return undisturbed(lambda: next(runs))

    def test_a_run_whose_cpus_were_taken_away_is_repeated(self):
        self.assertEqual(self.repeats(0.0), (0, 0))
        self.assertEqual(self.repeats(0.039), (0, 0), "two hundredths of two CPUs")
        self.assertEqual(self.repeats(0.05, 0.3, 0.01), (2, 2))

    def test_not_for_ever(self):
        self.assertEqual(self.repeats(*[1.0] * (REPEATS + 1)), (REPEATS, REPEATS))


class Environment(unittest.TestCase):
    def test_what_decides_about_speed_is_removed_and_threads_are_the_same_for_all(self):
        left = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512", "OMP_NUM_THREADS": "7", "XLA_FLAGS": "x",
                "ONEDNN_MAX_CPU_ISA": "SSE41", "KEPT": "yes"}  # fmt: skip
        with mock.patch.dict(os.environ, left):
            env = environment(Path("root"), 2, avx2=False)
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "XLA_FLAGS", "ONEDNN_MAX_CPU_ISA"):
            self.assertNotIn(name, env)
        self.assertEqual(env["KEPT"], "yes")
        threads = [env[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL", "RAYON")]
        self.assertEqual(threads, ["2"] * 4)

    def test_code_compiled_for_one_instruction_set_is_not_taken_for_another(self):
        caches = {
            environment(Path("root"), threads, avx2)["TORCHINDUCTOR_CACHE_DIR"]
            for threads in (1, 2) for avx2 in (False, True)
        }  # fmt: skip
        self.assertEqual(len(caches), 4)


class Rounds(unittest.TestCase):
    """Ours and both JAX peers pretend; the others are not there."""

    def measure(self, epochs=3, names=()):
        settings = SimpleNamespace(rounds=3, epochs=epochs, avx2=False, threads=1, data=Path("d"))
        with tempfile.TemporaryDirectory() as folder:
            settings.root, settings.ours = Path(folder), Path(folder, "ours")
            log = Path(folder, "log")
            for program in (settings.ours, Path(folder, "jax", "bin", "python")):
                program.parent.mkdir(parents=True, exist_ok=True)
                program.write_text(ECHO.format(log=log, epochs=3), encoding="utf-8")
                program.chmod(0o755)
            with contextlib.redirect_stderr(io.StringIO()):
                result = measure(settings, names)
            return result, log.read_text(encoding="utf-8").splitlines()

    def test_everybody_runs_once_a_round(self):
        result, calls = self.measure()
        rows = {row["name"]: row for row in result["peers"]}
        self.assertEqual(list(rows), [peer.name for peer in PEERS])
        for name in ("mnist-fast", "mnist-fast-dense", "jax-scan", "jax-step"):
            self.assertEqual(len(rows[name]["processes"]), 3, name)
            self.assertEqual(rows[name]["version"], "7")
        # Four processes a round: none of them has its second turn before all had their first.
        self.assertEqual(len(calls), 12)
        for round_number in range(3):
            self.assertEqual(len(set(calls[round_number * 4 :][:4])), 4, calls)
        self.assertTrue(calls[0].endswith("train --json --epochs 3 --threads 1"), calls[0])
        self.assertTrue(calls[1].endswith("train --json --epochs 3 --threads 1 --sparse never"), calls[1])
        self.assertTrue(calls[4].endswith("--sparse never"), "the second round begins one further on")
        self.assertTrue(calls[2].endswith("jax_mlp.py --mode scan --data d --epochs 3 --threads 1"), calls[2])

    def test_who_is_not_installed_stays_in_the_table(self):
        result, _ = self.measure()
        text = render(result | {"machine": {"date": "", "cpu": "", "cpus": 1, "system": "", "load": 0.0}})
        for peer in PEERS:
            self.assertIn(peer.title, text)
        self.assertIn("PyTorch, eager: not installed (install torch)", text)

    def test_who_was_not_asked_for_is_left_out(self):
        result, calls = self.measure(names=["jax-step"])
        self.assertEqual(len(calls), 9)
        self.assertIn("burn (Flex)", result["left_out"])
        self.assertNotIn("JAX, jitted step", result["left_out"])

    def test_too_few_epochs_are_a_failure(self):
        result, calls = self.measure(epochs=4)
        self.assertEqual(result["peers"][0]["failed"], "round 1: 3 epochs instead of 4")
        self.assertEqual(len(calls), 4, "who has failed is not run again")


if __name__ == "__main__":
    unittest.main()
