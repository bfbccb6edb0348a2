"""Every fault of docs/FAULTS.md has a test that carries its number, and every test it names is there."""

import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEST_NAME = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(F(\d+)_\w+)\)", re.MULTILINE)
ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
NAMED = re.compile(r"`(\w+)\.(F\d+_\w+)`")
FAULTS = range(1, 26)
NOT_APPLICABLE = {21}  # shared memory, which this server does not have


def tests_in_the_tree():
    found = set()
    for path in sorted((ROOT / "tests").rglob("*.cc")):
        for suite, name, number in TEST_NAME.findall(path.read_text(encoding="utf-8")):
            found.add((suite, name, int(number)))
    return found


class FaultNamesTest(unittest.TestCase):
    def setUp(self):
        self.tests = tests_in_the_tree()
        self.rows = {int(number): rest for number, rest in
                     ROW.findall((ROOT / "docs/FAULTS.md").read_text(encoding="utf-8"))}

    def test_every_fault_has_a_test(self):
        covered = {number for _, _, number in self.tests}
        self.assertEqual(sorted(set(FAULTS) - covered - NOT_APPLICABLE), [])
        self.assertEqual(sorted(covered & NOT_APPLICABLE), [], "these have become applicable")
        self.assertEqual(sorted(covered - set(FAULTS)), [], "numbers of no fault")

    def test_the_table_has_every_fault_once(self):
        self.assertEqual(sorted(self.rows), list(FAULTS))

    def test_the_table_names_exactly_the_tests_there_are(self):
        for number, row in self.rows.items():
            named = set(NAMED.findall(row))
            there = {(suite, name) for suite, name, of in self.tests if of == number}
            self.assertEqual(sorted(there - named), [], f"fault {number}: not in the table")
            self.assertEqual(sorted(named - there), [], f"fault {number}: not in the tree")


if __name__ == "__main__":
    sys.exit(unittest.main())
