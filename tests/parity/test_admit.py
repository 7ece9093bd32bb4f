"""Whole requests are judged alike by the candidate and by the oracle: value, code and choice of outcome.

Policies are drawn from the keys of every section, requests near the grammar of their policy, several in a row where
limits count them. CROSSFADE_LONG=1 runs twenty times as many.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from parity.candidate import Candidate
from parity.dice import Dice, by_seeds
from parity.whole import Example, broken, cut_down, difference, differs, draw, second_pass, unlimited, unsettled

EXAMPLES = 100_000 if os.environ.get("CROSSFADE_LONG") == "1" else 5_000
BATCH = 50

# Codes that end a request at least once in 5,000 examples: fewer would be a poor grammar too.
FEWEST_CODES = 100

# Policies that do not hold together are drawn too, and are no example. More than this share would be a poor grammar.
MOST_DISCARDED = 0.5


def examples(count: int, check: Callable[[list[Example]], int]) -> None:
    """Draws batches until at least `count` examples were used; `check` takes a batch and says how many it used."""
    drawn = used = 0
    most = int(count / (1 - MOST_DISCARDED)) + BATCH

    @by_seeds(most // BATCH)
    def run(seed: int) -> None:
        nonlocal drawn, used
        if used < count:
            dice = Dice(seed)
            batch = [draw(dice) for _ in range(BATCH)]
            drawn += len(batch)
            used += check(batch)

    run()
    assert used >= count, f"{drawn - used} of {drawn} policies do not hold together"


def test_a_whole_request_is_judged_as_the_oracle_judges_it(candidate: Candidate) -> None:
    codes: set[str] = set()

    def check(batch: list[Example]) -> int:
        answers = iter(candidate.ask(question for example in batch for question in example.questions()))
        used = 0
        for example in batch:
            said = [next(answers) for _ in example.requests]
            if broken(said):
                continue
            used += 1
            codes.update(answer["code"] for answer in said if "code" in answer)
            if difference(example, said):
                small = cut_down(example, differs(candidate))
                raise AssertionError(f"{small}\n{difference(small, candidate.ask(small.questions()))}")
        return used

    examples(EXAMPLES, check)
    assert len(codes) >= FEWEST_CODES


def test_what_went_on_goes_on_as_it_is(candidate: Candidate) -> None:
    """The law: normalise(normalise(x)) = normalise(x). Of what is accepted the second pass changes nothing."""

    def check(batch: list[Example]) -> int:
        batch = [unlimited(example) for example in batch]
        answers = iter(candidate.ask(question for example in batch for question in example.questions()))
        first = [(example, [next(answers) for _ in example.requests]) for example in batch]
        seconds = [second_pass(example, said) for example, said in first if not broken(said)]
        answers = iter(candidate.ask(question for example in seconds for question in example.questions()))
        for example in seconds:
            for question in example.questions():
                wrong = unsettled(question, next(answers))
                assert wrong is None, f"{Example(example.policy, [question])}\n{wrong}"
        return len(seconds)

    examples(EXAMPLES // 5, check)
