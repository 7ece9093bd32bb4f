"""
Parity: the own tests of the library `limits`, over crossfade's storages.
"""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as Xml
from pathlib import Path

from suites import sources
from suites.sources import ROOT
from suites.test_suites import brought

FILES = ("test_storage.py", "test_strategy.py", "storage/test_memory.py", "integration/test_concurrency.py")
FILES += ("aio/test_storage.py", "aio/test_strategy.py", "aio/storage/test_memory.py")
TESTS = 174


def test_the_library_s_own_tests_pass(tmp_path: Path, table: str) -> None:
    """
    Every test of storages and strategies that the library runs over its memory passes over ours; none is left out.
    """
    files = brought("limits", lambda: sources.files("limits"))
    for name, content in files.items():
        if name.startswith("tests/") and name.endswith(".py") and name != "tests/conftest.py":
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "suites.limits_library", "-p", "no:cacheprovider"]
    command += ["-o", "addopts=", "-W", "ignore::pytest.PytestUnknownMarkWarning", f"--junit-xml={report}"]
    ran = subprocess.run(
        [*command, *(f"tests/{name}" for name in FILES)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'tests'}:{tmp_path}", "CROSSFADE_TABLE": table},
        capture_output=True,
        text=True,
        check=False,
    )

    cases = list(Xml.parse(report).iter("testcase"))
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr
    assert [case.get("name") for case in cases if len(case)] == []  # neither failed nor skipped
    assert len(cases) == TESTS
