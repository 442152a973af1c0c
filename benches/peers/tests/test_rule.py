"""How a ratio is taken."""

import unittest

from harness.rule import fastest, process_time, ratio, result
from tests.canned import process, row


def results_of(times):
    return result(row("x", times))


class Rule(unittest.TestCase):
    def test_a_process_is_the_median_of_its_epochs_without_the_first(self):
        epochs = [{"epoch": i + 1, "seconds": s, "val_accuracy": 0.96} for i, s in enumerate((0.1, 5, 1, 2, 9))]
        self.assertEqual(process_time(epochs), 3.5)

    def test_our_median_against_the_rivals_best(self):
        ours, rival = results_of((1.0, 1.2, 1.1, 1.2, 1.0)), results_of((2.6, 2.2, 2.5, 2.4, 2.3))
        self.assertAlmostEqual(ours.middle, 1.1)
        self.assertAlmostEqual(rival.best, 2.2)
        self.assertAlmostEqual(ratio(ours, rival), 2.0)

    def test_a_spread_of_a_quarter_of_the_median_is_the_limit(self):
        self.assertFalse(results_of((1.0, 1.0, 1.25)).void)
        self.assertTrue(results_of((1.0, 1.0, 1.26)).void)
        # Of the median, not of the best: 0.26 of 1.05 is less than a quarter.
        self.assertFalse(results_of((1.0, 1.05, 1.26)).void)

    def test_whoever_is_void_has_no_ratio(self):
        steady, unsteady = results_of((1.0, 1.0, 1.0)), results_of((1.0, 1.0, 2.0))
        self.assertIsNone(ratio(unsteady, steady))
        self.assertIsNone(ratio(steady, unsteady))

    def test_another_accuracy_rejects_the_peer(self):
        for wrong in (0.9399, 0.9801, float("nan")):
            with self.subTest(wrong):
                peer = row("x", (1.0, 1.0))
                peer["processes"].append(process(1.0, wrong))
                self.assertEqual(result(peer).problem, "rejected")
        for right in (0.94, 0.98):
            peer = row("x", processes=[process(1.0, right)])
            self.assertTrue(result(peer).measured)

    def test_only_the_second_epochs_accuracy_counts(self):
        epochs = process(1.0)
        epochs[0]["val_accuracy"], epochs[2]["val_accuracy"] = 0.5, 0.99
        self.assertTrue(result(row("x", processes=[epochs])).measured)

    def test_the_fastest_may_be_void_but_not_unmeasured(self):
        results = {
            "absent": result(row("absent", missing="install absent")),
            "failed": result(row("failed", (0.1,), failed="round 2: exit status 1")),
            "void": results_of((1.0, 2.0, 1.0)),
            "steady": results_of((1.5, 1.5, 1.5)),
        }
        self.assertEqual(fastest(results), "void")
        self.assertIsNone(fastest({"absent": results["absent"]}))


if __name__ == "__main__":
    unittest.main()
