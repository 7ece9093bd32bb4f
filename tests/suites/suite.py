"""What a suite is, and how it is run: every case is agreed on, or excluded by name with a reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Question = dict[str, Any]
"""One request and its policy, as rust/store/examples/admit_trace.rs reads it."""

Answer = dict[str, Any]
"""What was decided, as admit_trace writes it."""


@dataclass(frozen=True)
class Case:
    """One case of a suite: what is asked, and whether the answers are what the suite wants."""

    name: str
    questions: tuple[Question, ...]
    wanted: Callable[[list[Answer]], bool]


@dataclass(frozen=True)
class Exclusion:
    """Cases on which we differ on purpose. `names` are their names, or one pattern that matches all of a name."""

    names: frozenset[str] | str
    says: str
    reason: str

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        return re.compile(self.names, re.DOTALL) if isinstance(self.names, str) else None

    def covers(self, name: str) -> bool:
        return name in self.names if self.pattern is None else self.pattern.fullmatch(name) is not None


@dataclass(frozen=True)
class Suite:
    """A public suite. `title` is what the table calls it, `law` what agreement means, `packages` where it is from."""

    title: str
    packages: tuple[str, ...]
    law: str
    cases: Callable[[], Iterable[Case]]
    exclusions: tuple[Exclusion, ...] = ()
    shows_verdicts: bool = False


@dataclass
class Tally:
    """What a run of a suite counted."""

    cases: int = 0
    agreed: int = 0
    alone: int = 0
    excluded: dict[Exclusion, list[str]] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


Side = Callable[[list[Question]], list[Answer]]

Oracle = Callable[[Question], Answer | None]
"""None where the oracle does not have the operation."""


def run(suite: Suite, candidate: Side, oracle: Oracle) -> Tally:
    """Asks both sides every question of the suite.

    `wrong` of the tally is empty if both sides always say the same, what went on goes on unchanged when it comes again,
    every case that is not excluded is agreed on, and every exclusion covers cases that would not be, says what is said
    of them, and shares none with another. `alone` are the cases that the oracle could not be asked.
    """
    cases = list(suite.cases())
    tally = Tally(cases=len(cases), excluded={exclusion: [] for exclusion in suite.exclusions})
    if len({case.name for case in cases}) < len(cases):
        tally.wrong.append(f"{suite.title}: two cases have one name")
    questions = [question for case in cases for question in case.questions]
    said = candidate(questions)
    changed = [{**question, **parts(answer)} for question, answer in zip(questions, said, strict=True) if parts(answer)]
    for question, answer in zip(changed, candidate(changed), strict=True):
        if answer != {"outcome": "accepted"}:
            tally.wrong.append(f"{suite.title}: a second time: {shown(question)} → {answer}")
    said = iter(said)
    for case in cases:
        answers = [next(said) for _ in case.questions]
        expected = [oracle(question) for question in case.questions]
        tally.alone += None in expected
        for question, answer, other in zip(case.questions, answers, expected, strict=True):
            if other is not None and answer != other:
                tally.wrong.append(f"{case.name}: {shown(question)} → {answer}, the oracle says {other}")
        judge(case, answers, tally)
    for exclusion, names in tally.excluded.items():
        if not names:
            tally.wrong.append(f"{exclusion.names}: no case is excluded by this")
    return tally


def judge(case: Case, answers: list[Answer], tally: Tally) -> None:
    agreed = case.wanted(answers)
    says = verdict(answers)
    tally.agreed += agreed
    tally.verdicts[says] += 1
    covering = [exclusion for exclusion in tally.excluded if exclusion.covers(case.name)]
    match covering, agreed:
        case [], False:
            asked = " and ".join(map(shown, case.questions))
            tally.wrong.append(f"{case.name}: not agreed on: {asked} → {answers}")
        case [exclusion], False if exclusion.says == says:
            tally.excluded[exclusion].append(case.name)
        case [exclusion], False:
            tally.wrong.append(f"{case.name}: excluded as {exclusion.says}, and now it is {says}: {answers}")
        case [_, *_], True:
            tally.wrong.append(f"{case.name}: excluded, and agreed on: {answers}")
        case [_, _, *_], False:
            tally.wrong.append(f"{case.name}: excluded more than once")


def parts(answer: Answer) -> Answer:
    """What went on otherwise than it came."""
    return {name: answer[name] for name in ("path", "query", "headers", "body") if name in answer}


def shown(question: Question) -> str:
    """A question without what is the same in every question of a suite."""
    return ", ".join(f"{name} {part!r}" for name, part in question.items() if name not in {"policy", "method"})


def verdict(answers: list[Answer]) -> str:
    """`accepted`, or the code of the first answer that has one."""
    said = (answer.get("code") or answer.get("policy_error") or answer.get("outcome", "no route") for answer in answers)
    return next((one for one in said if one != "accepted"), "accepted")


def accepted(answers: list[Answer]) -> bool:
    return all(answer.get("outcome") == "accepted" for answer in answers)


def invalid(answers: list[Answer]) -> bool:
    return all(answer.get("outcome") == "invalid" for answer in answers)
