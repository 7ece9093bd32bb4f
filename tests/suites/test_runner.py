"""The runner of the suites finds every way in which a suite can come out wrong."""

from __future__ import annotations

import pytest

from suites.suite import Answer, Case, Exclusion, Question, Suite, accepted, run

YES: Question = {"body": "yes"}
NO: Question = {"body": "no"}


def candidate(questions: list[Question]) -> list[Answer]:
    return [oracle(question) for question in questions]


def oracle(question: Question) -> Answer:
    return {"outcome": "accepted"} if question == YES else {"outcome": "invalid", "code": "bad"}


def liar(question: Question) -> Answer:
    return {"outcome": "invalid", "code": "worse"} if question == NO else oracle(question)


def suite(*exclusions: Exclusion, names: tuple[str, str] = ("good", "bad")) -> Suite:
    cases = [Case(names[0], (YES,), accepted), Case(names[1], (NO,), accepted)]
    return Suite("s", (), "accepted", lambda: cases, exclusions)


BAD = Exclusion("b.d", "bad", "on purpose")


def test_a_suite_with_its_exclusions_is_right() -> None:
    """What differs is excluded by name; all is counted."""
    tally = run(suite(BAD), candidate, oracle)
    assert (tally.cases, tally.agreed, tally.excluded, tally.alone, tally.wrong) == (2, 1, {BAD: ["bad"]}, 0, [])
    assert tally.verdicts == {"accepted": 1, "bad": 1}


@pytest.mark.parametrize(
    ("asked", "other", "why"),
    [
        (suite(), oracle, "bad: not agreed on"),
        (suite(BAD, Exclusion("good", "accepted", "?")), oracle, "good: excluded, and agreed on"),
        (suite(BAD, Exclusion("none", "bad", "?")), oracle, "none: no case is excluded by this"),
        (suite(BAD, Exclusion(frozenset({"bad"}), "bad", "?")), oracle, "bad: excluded more than once"),
        (suite(Exclusion("bad", "other", "?")), oracle, "bad: excluded as other, and now it is bad"),
        (suite(Exclusion("a|bad", "bad", "?"), names=("a", "a")), oracle, "s: two cases have one name"),
        (suite(BAD), liar, "bad: body 'no' → {'outcome': 'invalid', 'code': 'bad'}, the oracle says"),
    ],
)
def test_a_suite_that_comes_out_wrong_is_found(asked: Suite, other: type, why: str) -> None:
    """Each mistake of a suite, of its exclusions or of a side is told by name."""
    assert any(one.startswith(why) for one in run(asked, candidate, other).wrong)


def test_what_changes_twice_is_found() -> None:
    """Law: normalise(normalise(x)) = normalise(x), looked at for every case."""

    def longer(questions: list[Question]) -> list[Answer]:
        return [{"outcome": "accepted", "body": question["body"] + "!"} for question in questions]

    cases = [Case("c", (YES,), accepted)]
    tally = run(Suite("s", (), "accepted", lambda: cases), longer, lambda question: longer([question])[0])
    assert tally.wrong == ["s: a second time: body 'yes!' → {'outcome': 'accepted', 'body': 'yes!!'}"]


def test_what_the_oracle_cannot_be_asked_is_counted() -> None:
    """A case that only one side judged is no proof of parity, and the table says so."""
    assert run(suite(BAD), candidate, lambda _: None).alone == 2
