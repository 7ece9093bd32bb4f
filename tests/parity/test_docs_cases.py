"""What the specification shows is what both sides do: each of its cases, and each whole policy in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from parity import docs_cases
from parity.candidate import Candidate
from parity.docs_cases import CHAPTERS, ROOT, Case
from parity.oracle import Oracle

BLOCKS = [block for chapter in CHAPTERS for block in docs_cases.cases(chapter)]
POLICIES = [
    (f"{chapter.relative_to(ROOT)}:{start}", "\n".join(lines))
    for chapter in CHAPTERS
    for start, _, lines in docs_cases.blocks(chapter, "toml")
    if any(line.startswith("version = 1") for line in lines)
]


def failures(cases: list[Case], answer: Callable[[dict[str, Any]], dict[str, Any]]) -> list[str]:
    found = []
    for case in cases:
        question = case.question()
        wrong = case.wrong(question, answer(question))
        if wrong:
            found.append(f"{case.place}: {case.before} → {case.after}: {wrong}")
    return found


@pytest.mark.parametrize(("place", "policy", "cases"), BLOCKS, ids=[place for place, _, _ in BLOCKS])
def test_the_candidate_does_what_the_chapter_shows(
    candidate: Candidate, place: str, policy: str, cases: list[Case]
) -> None:
    assert cases, place
    answers = iter(candidate.ask(case.question() for case in cases))
    assert failures(cases, lambda _: next(answers)) == []


@pytest.mark.parametrize(("place", "policy", "cases"), BLOCKS, ids=[place for place, _, _ in BLOCKS])
def test_the_oracle_does_what_the_chapter_shows(place: str, policy: str, cases: list[Case]) -> None:
    assert failures(cases, Oracle().ask) == []


@pytest.mark.parametrize(("place", "policy"), POLICIES, ids=[place for place, _ in POLICIES])
def test_a_policy_that_is_shown_compiles(candidate: Candidate, place: str, policy: str) -> None:
    assert "policy_error" not in candidate.ask([{"policy": policy}])[0]


def test_there_are_policies_to_show() -> None:
    assert len(POLICIES) >= 5
