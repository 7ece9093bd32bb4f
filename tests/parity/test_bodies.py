"""Whole JSON bodies: with any policy the candidate writes the bytes that the oracle writes, or stops as it does.

Policies have nested paths, arrays, every operation and every key of presence, all writers, bounds and rollout; bodies
lie near them, or are broken in the ways that are known to hurt. What was written goes through a second time and stays.
CROSSFADE_LONG=1 runs twenty times as many.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parity.candidate import Candidate, Question
from parity.dice import Dice
from parity.draw_bodies import TYPES, body, policy
from parity.oracle import Oracle

EXAMPLES = 100_000 if os.environ.get("CROSSFADE_LONG") == "1" else 5_000

POLICIES_A_BATCH, BODIES_A_POLICY = 10, 10

# Policies that do not hold together are drawn too; more than this share would be a poor grammar.
MOST_DISCARDED = 0.5
LEAST_ACCEPTED = 0.25

# A body can come out longer than it came, so that a second pass, which changes nothing, refuses it.
BOUNDS = {"same", "too_large", "too_many_keys", "string_too_long"}


def questions(dice: Dice) -> list[Question]:
    asked = []
    for _ in range(POLICIES_A_BATCH):
        drawn = policy(dice)
        for _ in range(BODIES_A_POLICY):
            kind = dice.choice(TYPES)
            headers = [] if not kind and dice.chance(0.5) else [["content-type", kind.encode().decode("latin-1")]]
            asked.append({"policy": drawn.policy, "route": "body", "headers": headers, "body": body(dice, drawn)})
    return asked


def said(answer: dict[str, Any]) -> dict[str, Any]:
    """What both sides are asked for; remarks have no order."""
    plain = {name: answer.get(name) for name in ("outcome", "code", "field", "body")}
    return plain | {"remarks": sorted((list(remark) for remark in answer.get("remarks", [])), key=repr)}


def compare(candidate: Candidate, asked: list[Question], seen: Counter[str]) -> None:
    oracle, again = Oracle(), []
    for question, got in zip(asked, candidate.ask(asked), strict=True):
        if "policy_error" in got:
            seen["no policy"] += 1
            continue
        wanted = oracle.ask(question)
        assert said(got) == said(wanted), f"{question['policy']}\n{question['headers']} {question['body']!r}"
        seen[got.get("code", got["outcome"])] += 1
        seen["remarked"] += "remarks" in got
        seen["rewritten"] += "body" in got
        if "body" in got:
            again.append(question | {"body": got["body"]})
    for question, got in zip(again, candidate.ask(again), strict=True):
        same = "body" not in got and got.get("code", "same") in BOUNDS
        assert same, f"not idempotent: {question['policy']}\n{question['body']!r} became {got}"


def test_a_body_is_judged_as_the_oracle_judges_it(candidate: Candidate) -> None:
    seen: Counter[str] = Counter()

    @settings(
        max_examples=-(-EXAMPLES // (POLICIES_A_BATCH * BODIES_A_POLICY)),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**64 - 1))
    def run(seed: int) -> None:
        compare(candidate, questions(Dice(seed)), seen)

    run()
    print(f"\n{dict(seen.most_common())}")
    judged = seen.total() - seen["no policy"] - seen["remarked"] - seen["rewritten"]
    assert seen["no policy"] < MOST_DISCARDED * (judged + seen["no policy"])
    assert seen["accepted"] > LEAST_ACCEPTED * judged
