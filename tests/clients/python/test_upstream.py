"""redis-py's own tests of its locks, as shipped in its source distribution, unchanged.

REDIS_PY_SOURCE names the unpacked distribution; `scripts/clients python` sets it. A run that skips or collects too
little fails: it would prove nothing.
"""

import os
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from instances import start_single

FILES = ["tests/test_lock.py", "tests/test_asyncio/test_lock.py"]
TESTS_MIN = 60
WAIT_SECONDS = 120


@pytest.mark.skipif("REDIS_PY_SOURCE" not in os.environ, reason="REDIS_PY_SOURCE is not set (run scripts/clients python)")
def test_the_library_passes_its_own_lock_tests(tmp_path):
    instance = start_single()
    report = tmp_path / "report.xml"
    try:
        url = f"redis://{instance.address.host}:{instance.address.port}/9"
        run = subprocess.run(
            [sys.executable, "-m", "pytest", *FILES, f"--redis-url={url}", f"--junitxml={report}", "-q"],
            cwd=os.environ["REDIS_PY_SOURCE"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WAIT_SECONDS,
        )
    finally:
        instance.stop()
    assert run.returncode == 0, run.stdout[-6000:]
    counts = {name: int(number) for name, number in ElementTree.parse(report).find("testsuite").items() if number.isdigit()}
    assert counts["failures"] == counts["errors"] == counts["skipped"] == 0, run.stdout[-6000:]
    assert counts["tests"] >= TESTS_MIN
