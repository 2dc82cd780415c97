"""Runs the client tests: `run.py [WORD…]` runs those whose name contains one of the words.

Ends with a line `N passed, N failed, N skipped`, and with exit code 1 when a test failed.
"""

import pathlib
import sys
import time
import unittest


class Result(unittest.TextTestResult):
    """Counts what passed and shows how long each test took."""

    passed = 0

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def addSuccess(self, test):
        self.passed += 1
        unittest.TestResult.addSuccess(self, test)
        self.stream.writeln(f"ok ({time.monotonic() - self.started:.1f} s)")

    def getDescription(self, test):
        return test.id()


def cases(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases(item)
        else:
            yield item


def main(words):
    folder = str(pathlib.Path(__file__).parent)
    found = cases(unittest.TestLoader().discover(folder))
    chosen = unittest.TestSuite(test for test in found if not words or any(word in test.id() for word in words))
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(chosen)
    failed = len({str(test) for test, _ in result.failures + result.errors}) + len(result.unexpectedSuccesses)
    sys.stderr.flush()
    print(f"{result.passed} passed, {failed} failed, {len(result.skipped)} skipped", flush=True)
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
