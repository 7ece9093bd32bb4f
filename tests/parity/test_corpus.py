"""Requests that hurt somebody get the documented answer from both sides, in bounded time."""

from __future__ import annotations

import time

import pytest
from parity.candidate import Candidate
from parity.corpus import Case, cases
from parity.oracle import Oracle

CASES = list(cases())

# Generous: the candidate is built without optimisation, and the machine is shared. A quadratic step takes minutes.
MOST_SECONDS = 5.0


@pytest.mark.parametrize("case", CASES, ids=[case.place for case in CASES])
def test_the_candidate_gives_the_documented_answer(candidate: Candidate, case: Case) -> None:
    began = time.monotonic()
    answers = candidate.ask([{**case.question, "fresh": True}])
    took = time.monotonic() - began
    assert case.wrong(answers[0]) is None
    assert took < MOST_SECONDS


@pytest.mark.parametrize("case", CASES, ids=[case.place for case in CASES])
def test_the_oracle_gives_the_documented_answer(case: Case) -> None:
    assert case.wrong(Oracle().ask(case.question)) is None


def test_the_named_shapes_are_there() -> None:
    """The shapes that the corpus is for do not get lost."""
    whole = " ".join(case.place for case in CASES)
    shapes = [
        "CL.TE",
        "names the header that a proxy added",
        "hides the dots",
        "encoded slash after",
        "overlong",
        "two hosts",
    ]
    shapes += [
        "NFKC makes",
        "collide in the hash",
        "ten thousand members of one name",
        "underscores",
        "folded line",
        "plus sign",
    ]
    assert [shape for shape in shapes if shape not in whole] == []
