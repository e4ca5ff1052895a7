"""Runs every SHARDS-th test, from the SHARD-th on; writes a report and the output `passed`."""

import json
import os
import pathlib
import sys
import unittest


def each(suite):
    """All tests of a suite, in order."""
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from each(test)
        else:
            yield test


shard, shards = int(os.environ["SHARD"]), int(os.environ["SHARDS"])
found = sorted(each(unittest.defaultTestLoader.discover("tests")), key=lambda test: test.id())
chosen = found[shard - 1 :: shards]
for test in chosen:
    print(test.id(), flush=True)
result = unittest.TextTestRunner(stream=open(os.devnull, "w"), verbosity=0).run(unittest.TestSuite(chosen))
failed = len(result.failures) + len(result.errors)
pathlib.Path("reports").mkdir(exist_ok=True)
report = {"shard": shard, "tests": [test.id() for test in chosen], "failed": failed}
pathlib.Path(f"reports/{shard}.json").write_text(json.dumps(report))
with open(os.environ["PIPELINE_OUTPUT"], "a") as output:
    print(f"passed={result.testsRun - failed}", file=output)
sys.exit(1 if failed else 0)
