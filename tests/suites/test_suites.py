"""Parity: the public suites through the candidate and the oracle."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from functools import cache

import pytest

from suites import SUITES, table
from suites.sides import both
from suites.sources import Refused
from suites.suite import Suite, run
from suites.table import Tallied


@pytest.fixture(scope="session")
def tallied() -> Iterator[Tallied]:
    """Runs a suite once. Without its packages: an error in CI, elsewhere a test that says that it was skipped."""
    with both() as (candidate, oracle):
        ran = cache(lambda suite: run(suite, candidate, oracle))

        def once(suite: Suite) -> table.Tally:
            try:
                return ran(suite)
            except Refused as why:
                if os.environ.get("CI") == "true":
                    raise
                warnings.warn(f"{suite.title} was not run: {why}", stacklevel=1)
                pytest.skip(f"{suite.title}: {why}")

        yield once


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
