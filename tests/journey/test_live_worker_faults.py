"""
Workers that do not agree: on the time, or on the build they run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import crossfade
from conftest import until
from counted_service import ROOT
from live_service import KEYS, Answer, Live, batches, live, service, tell

RATE = "1000/second"
FIXTURES = Path(__file__).parent / "fixtures"


def ask_both(found: Live, other: tuple[str, int]) -> tuple[list[Answer], list[Answer]]:
    """The same requests to the service's first process and to another one."""
    mine, address = found.ask(batches()), found.address
    found.address = other
    theirs = found.ask(batches())
    found.address = address
    return mine, theirs


def judged_processes(found: Live) -> int:
    """How many processes the evidence has matches of."""
    return sum(counts["verdicts"]["match"] > 0 for _, counts in found.stays())


def test_clocks_that_differ(tmp_path: Path) -> None:
    """
    A worker whose clock is a minute ahead decides by it on both sides alike: nothing differs, nothing is lost.
    """
    shim = tmp_path / "skew.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(shim), str(FIXTURES / "skew.c")], check=True)
    with live(tmp_path, rate=RATE, workers=1) as found:
        before = found.ask(KEYS)
        skewed = service(found, rate=RATE, workers=1, name="skewed", LD_PRELOAD=str(shim), SKEW_SECONDS="61")
        with skewed as address:
            mine, theirs = ask_both(found, address)
            # Nothing is judged before a window has passed.
            until(lambda: ask_both(found, address) and judged_processes(found) == 2)
            account = found.settled()
            tell("clocks 61 s apart", mine + theirs, before, len(mine + theirs), "nothing differs")
            assert {answer.status for answer in mine + theirs} == {200}
            assert len({answer.worker for answer in mine + theirs}) == 2
            assert account.mismatches == 0 < account.verdicts["match"]


def another_build(folder: Path) -> Path:
    """A copy of the package whose extension says that it is of another build; the folder to import it from."""
    package = folder / "other" / "crossfade"
    shutil.copytree(ROOT / "python" / "crossfade", package)
    (extension,) = package.glob("_core*.so")
    digest = crossfade.BUILD.encode()
    content = extension.read_bytes()
    assert digest in content
    extension.write_bytes(content.replace(digest, digest[::-1]))
    for name in ("gateway",):
        (package.parent / name).symlink_to(ROOT / "python" / name)
    return package.parent


def test_workers_of_two_builds(tmp_path: Path) -> None:
    """
    Evidence belongs to one build: a worker of another one is counted for its own, and in a canary set for the first it
    stays in shadow.
    """
    with live(tmp_path, rate=RATE, workers=1) as found:
        before = found.ask(KEYS)
        path = os.pathsep.join([str(another_build(tmp_path)), str(FIXTURES)])
        with service(found, rate=RATE, workers=1, name="other", PYTHONPATH=path) as address:
            mine, theirs = ask_both(found, address)
            account = found.settled()
            tell("two builds", mine + theirs, before, len(mine + theirs), "told apart")
            builds = {stay["subject"]["build"]: counts for stay, counts in found.stays()}
            assert set(builds) == {crossfade.BUILD, crossfade.BUILD[::-1]}
            assert builds[crossfade.BUILD[::-1]]["not_judged"] == {"other_build": len(theirs)}
            assert account.not_judged["other_build"] == len(theirs)

            found.stage("canary:50")
            mine, theirs = ask_both(found, address)
            held = {worker["build"]: worker["held"] for worker in found.statuses()}
            assert held == {crossfade.BUILD: [], crossfade.BUILD[::-1]: ["fixed"]}
            assert {answer.status for answer in mine + theirs} == {200}
            status = found.crossfade("status").stdout
            assert "held at shadow" in status
