"""Tests of what scripts/gates makes of measurements; the smoke test in tests/bench runs the programs."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "gates"))
sys.dont_write_bytecode = True

import report  # noqa: E402
from process_watch import ProcessWatch, Sample, sample  # noqa: E402
from programs import Metrics, growth, mean_of_histogram  # noqa: E402

SCRAPE = """\
# HELP vitok_fill_ratio How full
# TYPE vitok_fill_ratio histogram
vitok_fill_ratio_count{model="a"} %d
vitok_fill_ratio_count{model="b"} 0
vitok_fill_ratio_sum{model="a"} %f
"""


class MetricsTest(unittest.TestCase):
    def test_adds_up_label_sets(self):
        self.assertEqual(Metrics('x{a="1"} 2\nx{a="}"} 3.5\n').value("x"), 5.5)

    def test_takes_means_of_what_was_recorded_between_scrapes(self):
        before, after = Metrics(SCRAPE % (10, 1.0)), Metrics(SCRAPE % (14, 4.0))
        self.assertEqual(growth(before, after, "vitok_fill_ratio_count"), 4)
        self.assertEqual(mean_of_histogram(before, after, "vitok_fill_ratio"), 0.75)


class RowTest(unittest.TestCase):
    def test_bounds_belong_to_what_passes(self):
        self.assertTrue(report.at_most("g", 5, 5, "ms").ok)
        self.assertFalse(report.at_most("g", 5.1, 5, "ms").ok)
        self.assertTrue(report.at_least("g", 95, 95, "%").ok)
        self.assertFalse(report.at_least("g", 94.9, 95, "%").ok)

    def test_figures_that_are_not_numbers_fail(self):
        self.assertFalse(report.at_most("g", float("nan"), 5, "ms").ok)
        self.assertFalse(report.at_least("g", float("nan"), 5, "ms").ok)

    def test_table_shows_verdicts(self):
        lines = report.render([report.at_most("one", 1, 2, "ms"), report.at_most("two", 3, 2, "ms", "why"),
                               report.told("three", 4, "ms")]).splitlines()
        self.assertIn("pass", lines[2])
        self.assertTrue(lines[3].endswith("FAIL  why"), lines[3])
        self.assertTrue(lines[4].endswith("-"), lines[4])


class ProcessWatchTest(unittest.TestCase):
    def test_sees_this_process(self):
        now = sample(os.getpid())
        self.assertGreater(now.rss_mib, 1)
        self.assertGreaterEqual(now.threads, 1)
        self.assertGreaterEqual(now.descriptors, 3)

    def test_compares_the_last_fifth_with_the_first(self):
        watch = ProcessWatch(os.getpid(), 1)
        watch.samples = [Sample(100, 4, 9)] * 3 + [Sample(500, 4, 9)] * 9 + [Sample(101, 5, 9)] * 3
        self.assertEqual(watch.ends("rss_mib"), (100, 101))
        self.assertEqual(watch.ends("threads"), (4, 5))


if __name__ == "__main__":
    unittest.main()
