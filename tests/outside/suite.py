# SPDX-License-Identifier: MIT
"""One suite on one backend, for run.py: suite.py BACKEND SUITE [--io] --answer=FILE

The answer is a JSON object: tests (all names), run, failures {name: last line}, skipped [name], retried [name]
(failed at first, passed later), seconds.
"""
import asyncio
import faulthandler
import json
import logging
import os
import re
import selectors
import signal
import sys
import time
import traceback
import unittest

# Of test_asyncio: modules whose tests wait for time, tasks and mocks, and not for descriptors.
WITHOUT_IO = {"test_" + name for name in """buffered_proto context futures futures2 locks pep492 proactor_events
    protocols queues taskgroups tasks timeouts transports waitfor windows_events windows_utils""".split()}
# Repeated by CPython for each of its selectors, which are all ours here.
REPEATED = {"SelectEventLoopTests", "PollEventLoopTests"}


def replace_selectors(backend):
    import ioloop

    class BackendSelector(ioloop.Selector):
        def __init__(self):
            super().__init__(backend)
    for name in "DefaultSelector", "EpollSelector", "PollSelector", "SelectSelector":
        setattr(selectors, name, BackendSelector)
    asyncio.set_event_loop_policy(ioloop.EventLoopPolicy(backend))


# ---- what is run ---------------------------------------------------------------------------


def selectors_suite():
    import test.test_selectors as module

    class SelectorTestCase(module.BaseSelectorTestCase, module.ScalableSelectorMixIn, unittest.TestCase):
        SELECTOR = selectors.DefaultSelector
    return unittest.defaultTestLoader.loadTestsFromTestCase(SelectorTestCase)


def asyncio_suite(io_only):
    import test.test_asyncio
    folder = os.path.dirname(test.test_asyncio.__file__)
    names = sorted(name[:-3] for name in os.listdir(folder) if name.startswith("test_") and name.endswith(".py"))
    suite = unittest.TestSuite()
    for name in names:
        if not (io_only and name in WITHOUT_IO):
            try:
                suite.addTests(unittest.defaultTestLoader.loadTestsFromName("test.test_asyncio." + name))
            except unittest.SkipTest:
                pass  # a module for another system
    return suite


def tornado_suite():
    import tornado.test.runtests
    logging.getLogger().setLevel(logging.INFO)  # as its own runner does: some tests expect a message
    return tornado.test.runtests.all()


def each_test(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each_test(test)
        else:
            yield test


def load(name):
    if name == "selectors":
        suite = selectors_suite()
    elif name == "asyncio":
        suite = asyncio_suite("--io" in sys.argv)
    else:
        suite = tornado_suite()
    return [test for test in each_test(suite) if type(test).__name__ not in REPEATED]


def name_of(test):
    """Without the package, which is long: test_events.EPollEventLoopTests.test_close"""
    return re.sub(r"^(test\.test_asyncio|tornado\.test|__main__\.selectors_suite\.<locals>)\.", "", test.id())


# ---- running -------------------------------------------------------------------------------


class Collected(unittest.TestResult):
    """Also errors of setUpClass, whose test is no TestCase."""

    def __init__(self):
        super().__init__()
        self.failed, self.left_out = {}, []

    def startTest(self, test):
        super().startTest(test)
        print(name_of(test), flush=True)

    def note(self, test, error):
        self.failed.setdefault(name_of(test), "%s: %s" % (error[0].__name__, str(error[1]).strip().split("\n")[0]))
        traceback.print_exception(*error)

    def addError(self, test, error):
        self.note(test, error)

    def addFailure(self, test, error):
        self.note(test, error)

    def addSubTest(self, test, subtest, error):
        if error:
            self.note(test, error)

    def addUnexpectedSuccess(self, test):
        self.failed[name_of(test)] = "unexpected success"

    def addSkip(self, test, reason):
        self.left_out.append(name_of(test))


def run(tests):
    result = Collected()
    unittest.TestSuite(tests).run(result)
    return result


def main():
    backend, suite_name = sys.argv[1:3]
    answer_path = sys.argv[-1].partition("=")[2]
    faulthandler.register(signal.SIGUSR2, all_threads=True)
    if backend != "stock":
        replace_selectors(backend)
    tests = load(suite_name)
    names = [name_of(test) for test in tests]
    begun = time.monotonic()
    first = run(tests)
    failures = first.failed
    for attempt in range(2, 4):
        if failures:
            print("---- again: %d ----" % attempt, flush=True)
            again = run([test for test in load(suite_name) if name_of(test) in failures])
            failures = {name: why for name, why in failures.items() if name not in names or name in again.failed}
    retried = sorted(set(first.failed) - set(failures))
    with open(answer_path, "w") as file:
        json.dump({"tests": names, "run": first.testsRun, "failures": failures, "skipped": first.left_out,
                   "retried": retried, "seconds": time.monotonic() - begun}, file)


main()
