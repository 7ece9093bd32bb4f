"""Parity: the public suites through the candidate and the oracle."""

from __future__ import annotations

import os
import tomllib
import warnings
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from suites import SUITES, sources, table
from suites.sides import both
from suites.sources import Refused
from suites.suite import Suite, Tally, run
from suites.table import Tallied


@pytest.fixture(scope="session")
def tallied() -> Iterator[Tallied]:
    """Runs a suite once."""
    with both() as (candidate, oracle):
        ran = cache(lambda suite: run(suite, candidate, oracle))
        yield lambda suite: brought(suite.title, lambda: ran(suite))


def brought(title: str, ran: Callable[[], Tally]) -> Tally:
    """What a run counted. Without its packages it is an error in CI, and elsewhere a skipped test that says why."""
    try:
        return ran()
    except Refused as why:
        if os.environ.get("CI") == "true":
            raise
        warnings.warn(f"{title} was not run: {why}", stacklevel=1)
        pytest.skip(f"{title}: {why}")


def test_a_missing_package_is_an_error_in_ci_and_said_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No suite is left out in silence."""

    def offline() -> Tally:
        raise Refused("no registry")

    monkeypatch.setenv("CI", "true")
    with pytest.raises(Refused, match="no registry"):
        brought("s", offline)
    monkeypatch.delenv("CI")
    with pytest.warns(UserWarning, match="s was not run: no registry"), pytest.raises(pytest.skip.Exception):
        brought("s", offline)


def test_the_manifest_pins_every_package() -> None:
    """Each package has a version, a licence and a sha256, is brought by a client that is known, and is used."""
    listed = tomllib.loads((sources.HERE / "manifest.toml").read_text("utf-8"))["source"]
    for source in listed:
        assert len(bytes.fromhex(source["sha256"])) == 32
        assert source["client"] in sources.registries.CLIENTS
        assert source["version"] in source["file"]
        assert source["licence"] and source["what"]
    used = {name for suite in SUITES for name in suite.packages} - {"ours"} | {"limits"}
    assert {source["name"] for source in listed} == used


@pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.title)
def test_a_suite_agrees_but_for_what_is_excluded_by_name(tallied: Tallied, suite: Suite) -> None:
    """Law: both sides say the same of every case; it is what the suite wants, or what an exclusion says."""
    tally = tallied(suite)
    assert tally.wrong == []
    assert tally.alone == 0, "asked of the candidate alone"
    assert tally.agreed + sum(map(len, tally.excluded.values())) == tally.cases > 0


def test_the_page_holds_what_the_run_counts(tallied: Tallied) -> None:
    """docs/conformance.md is what `python tests/suites/table.py --write` writes."""
    assert table.PAGE.read_text("utf-8") == table.page(table.written(tallied))
