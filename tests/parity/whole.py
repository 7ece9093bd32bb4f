"""Whole requests: drawn, asked of both sides, compared, and cut down where they differ."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from parity import draw_policies, draw_requests
from parity.candidate import Candidate, Question
from parity.dice import Dice, toml
from parity.oracle import Oracle

Tables = dict[str, Any]

PARTS = {"path": "/", "query": "", "headers": [], "body": ""}
WHOLE = {"name", "match", "key", "rate", "method"}
"""What is not cut."""

OUTGROWN = {"too_large", "string_too_long", "value_too_long", "too_many_keys", "too_many_fields", "name_too_long"}
"""Bounds of bodies hold for what came; a writer and a rule may make it longer than they let in a second time."""

START = 1_700_000_000_000_000
"""Microseconds: an instant at which windows of whole minutes have begun before."""


@dataclass
class Example:
    """A policy and what is asked of it, one request after the other."""

    policy: Tables
    requests: list[Tables]

    def questions(self) -> list[Question]:
        text = toml(self.policy)
        return [
            {**request, "policy": text, **({"fresh": True} if index == 0 else {})}
            for index, request in enumerate(self.requests)
        ]

    def __str__(self) -> str:
        return toml(self.policy) + "\n".join(json.dumps(request) for request in self.requests)


def draw(dice: Dice) -> Example:
    focus = dice.choice(["all", "path", "query", "host", "headers", "limits"] + ["body"] * 6)
    policy = draw_policies.policy(dice, focus)
    limited = bool(policy.get("limits"))
    count = dice.choice([1, 2, 4, 8]) if limited else dice.choice([1, 1, 2, 3])
    requests: list[Tables] = []
    now = START + (dice.randint(0, 7_200) * 500_000 if dice.chance(0.5) else dice.randint(0, 3_600_000_000))
    for _ in range(count):
        route = dice.choice(policy["route"])
        if requests and dice.chance(0.9 if focus == "limits" else 0.5):
            request = copy.deepcopy(requests[-1])
        else:
            request = draw_requests.request(dice, {**policy.get("defaults", {}), **route}, focus)
        if dice.chance(0.7 if focus == "body" else 0.3):
            request["route"] = route["name"]
        now += dice.choice([0, 1, 300_000, 500_000, 999_999, 1_000_000, 2_000_000, 60_000_000, 3_600_000_000])
        requests.append(request | {"now": now})
    return Example(policy, requests)


def said(question: Question, answer: Tables) -> Tables:
    """What counts of an answer: parts as they go on, and remarks without order."""
    plain = {name: value for name, value in answer.items() if name != "remarks"}
    if answer.get("remarks"):
        plain["remarks"] = sorted(map(list, answer["remarks"]), key=repr)
    if answer.get("outcome") == "accepted":
        plain |= {part: answer.get(part, question.get(part, empty)) for part, empty in PARTS.items()}
        plain["headers"] = [list(header) for header in plain["headers"]]
    return plain


def difference(example: Example, answers: list[Tables]) -> str | None:
    """Where the oracle says something else than the candidate did, or None."""
    oracle = Oracle()
    for index, (question, answer) in enumerate(zip(example.questions(), answers, strict=True)):
        got, wanted = said(question, answer), said(question, oracle.ask(question))
        if got != wanted:
            keys = [key for key in {**wanted, **got} if got.get(key) != wanted.get(key)]
            lines = [f"{key}: candidate {got.get(key)!r}, oracle {wanted.get(key)!r}" for key in keys]
            return f"request {index + 1}: " + "\n  ".join(lines)
    return None


def unlimited(example: Example) -> Example:
    """The same without limits, whose answers depend on what came before."""
    policy = {name: table for name, table in example.policy.items() if name != "limits"}
    policy["route"] = [without(route, "limits", "cutover_key") for route in policy["route"]]
    if "defaults" in policy:
        policy["defaults"] = without(policy["defaults"], "limits", "cutover_key")
    return Example(policy, example.requests)


def without(table: Tables, *names: str) -> Tables:
    return {name: value for name, value in table.items() if name not in names}


def second_pass(example: Example, answers: list[Tables]) -> Example:
    """What was accepted, as it went on, for the route that accepted it."""
    again = []
    for request, answer in zip(example.requests, answers, strict=True):
        if answer.get("outcome") == "accepted":
            parts = {part: answer[part] for part in PARTS if part in answer}
            again.append({**request, **parts, "route": answer["route"]})
    return Example(example.policy, again)


def unsettled(question: Question, answer: Tables) -> str | None:
    """What a second pass changes, or why it accepts no more; None where it leaves all as it is."""
    if answer.get("outcome") == "invalid" and answer["code"] in OUTGROWN:
        return None
    if answer.get("outcome") != "accepted":
        return f"the second pass says {answer}"
    came = {part: question.get(part, empty) for part, empty in PARTS.items()}
    changed = [part for part in PARTS if answer.get(part, came[part]) != came[part]]
    return f"the second pass changes {changed}: {answer}" if changed else None


def broken(answers: list[Tables]) -> bool:
    return any("policy_error" in answer for answer in answers)


def cut_down(example: Example, still: Callable[[Example], bool], steps: int = 400) -> Example:
    """A smaller example for which something still holds."""
    again = True
    while again:
        again = False
        for smaller in smaller_ones(example):
            steps -= 1
            if steps < 0:
                return example
            if still(smaller):
                example, again = smaller, True
                break
    return example


def smaller_ones(example: Example) -> Iterator[Example]:
    if len(example.requests) > 1:
        for index in range(len(example.requests)):
            yield Example(example.policy, example.requests[:index] + example.requests[index + 1 :])
    for policy in without_one(example.policy):
        if policy.get("version") and policy.get("route"):
            yield Example(policy, example.requests)
    for index, request in enumerate(example.requests):
        for smaller in without_one(request):
            yield Example(example.policy, [*example.requests[:index], smaller, *example.requests[index + 1 :]])


def without_one(tree: Any) -> Iterator[Any]:
    """The same tree with one entry, item or piece of a text left out."""
    if isinstance(tree, dict):
        for key in tree:
            if key not in {"name", "match", "version"}:
                yield {known: value for known, value in tree.items() if known != key}
        for key, value in tree.items():
            for smaller in without_one(value) if key not in WHOLE else []:
                yield {**tree, key: smaller}
    elif isinstance(tree, list):
        for index in range(len(tree)):
            yield tree[:index] + tree[index + 1 :]
        for index, item in enumerate(tree):
            for smaller in without_one(item):
                yield [*tree[:index], smaller, *tree[index + 1 :]]
    elif type(tree) is str and len(tree) > 1:
        half = len(tree) // 2
        yield tree[:half]
        yield tree[half:]
        if len(tree) < 30:
            yield from (tree[:index] + tree[index + 1 :] for index in range(len(tree)))


def differs(candidate: Candidate) -> Callable[[Example], bool]:
    def still(example: Example) -> bool:
        answers = candidate.ask(example.questions())
        try:
            return not broken(answers) and difference(example, answers) is not None
        except Exception:
            return False

    return still
