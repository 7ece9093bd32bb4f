"""Whole JSON bodies: with any policy the candidate writes the bytes that the oracle writes, or stops as it does.

Policies have nested paths, arrays, every operation and every key of presence, all writers, bounds and rollout; bodies
lie near them, or are broken in the ways that are known to hurt. What was written goes through a second time and stays.
CROSSFADE_LONG=1 runs twenty times as many.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

from parity.candidate import Candidate, Question
from parity.dice import Dice, by_seeds
from parity.draw_bodies import TYPES, body, policy
from parity.oracle import Oracle

HEAD = 'version = 1\n[[route]]\nname = "body"\nmatch = "* /{path*}"\n'

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


def difference(oracle: Oracle, question: Question, got: dict[str, Any]) -> str | None:
    """Where the oracle says something else than the candidate did."""
    one, other = said(got), said(oracle.ask(question))
    lines = [f"{key}: candidate {one[key]!r}, oracle {other[key]!r}" for key in one if one[key] != other[key]]
    return "\n".join(lines) or None


def cut_down(candidate: Candidate, oracle: Oracle, question: Question, steps: int = 500) -> Question:
    """A smaller question of which both sides still think differently."""

    def smaller() -> Iterator[Question]:
        lines = question["policy"].splitlines(keepends=True)
        for at in range(len(lines)):
            yield question | {"policy": "".join(lines[:at] + lines[at + 1 :])}
        text, size = question["body"], max(len(question["body"]) // 2, 1)
        while size:
            for at in range(0, len(text), size):
                yield question | {"body": text[:at] + text[at + size :]}
            size //= 2

    def still(asked: Question) -> bool:
        got = candidate.ask([asked])[0]
        return "outcome" in got and difference(oracle, asked, got) is not None

    while steps > 0:
        for found in smaller():
            steps -= 1
            if still(found):
                question = found
                break
            if steps == 0:
                return question
        else:
            return question
    return question


def compare(candidate: Candidate, asked: list[Question], seen: Counter[str]) -> None:
    oracle, again = Oracle(), []
    for question, got in zip(asked, candidate.ask(asked), strict=True):
        if "policy_error" in got:
            seen["no policy"] += 1
            continue
        if difference(oracle, question, got):
            small = cut_down(candidate, oracle, question)
            found = difference(oracle, small, candidate.ask([small])[0])
            raise AssertionError(f"{small['policy']}\n{small['headers']} {small['body']!r}\n{found}")
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

    @by_seeds(-(-EXAMPLES // (POLICIES_A_BATCH * BODIES_A_POLICY)))
    def run(seed: int) -> None:
        compare(candidate, questions(Dice(seed)), seen)

    run()
    print(f"\n{dict(seen.most_common())}")
    judged = seen.total() - seen["no policy"] - seen["remarked"] - seen["rewritten"]
    assert seen["no policy"] < MOST_DISCARDED * (judged + seen["no policy"])
    assert seen["accepted"] > LEAST_ACCEPTED * judged


def test_doubles_are_written_as_ecmascript_writes_them(candidate: Candidate) -> None:
    """Also those that lie between two texts of the same length, and those at the ends of each layout."""
    dice = Random(20)
    doubles = [
        dice.choice([1, 3, 5, 7, 9, dice.getrandbits(53)]) * 2.0 ** dice.randint(-1074, 900) for _ in range(4000)
    ]
    doubles += [2.0**power for power in range(-1074, 1024)]
    doubles += [float(f"{digits}e{power}") for digits in ("1", "9.5", "9.999999999999999") for power in range(-9, 24)]
    texts = [text for double in doubles for text in (repr(double), f"{double:.17e}", f"-{Decimal(double)}"[:120])]
    policy = f'{HEAD}[route.json]\noutput = "jcs"\n'
    headers = [["content-type", "application/json"]]
    asked = [{"policy": policy, "route": "body", "headers": headers, "body": f"[{text}]".encode()} for text in texts]
    seen: Counter[str] = Counter()
    compare(candidate, asked, seen)
    assert seen["rewritten"] > len(asked) / 3
