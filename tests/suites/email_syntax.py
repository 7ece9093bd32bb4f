"""The syntax tests of python-email-validator: which addresses it reads with its default options, and as what."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from suites import asked
from suites.sources import files
from suites.suite import Case, Exclusion, Suite, accepted, invalid

NORMALIZED = ("test_email_valid", "test_email_valid_intl_local_part")
READ = ("test_email_invalid_syntax_strict",)  # Only its option `strict` refuses them.
REFUSED = (
    "test_email_valid_only_if_quoted_local_part",
    "test_email_invalid_syntax",
    "test_email_invalid_reserved_domain",
)
ISEMAIL = "test_pyisemail_tests"
BY_OPTION = ("ISEMAIL_RFC5322_LOCAL_TOOLONG",)  # Of these it says only what the option `strict` makes of them.


def cases() -> Iterator[Case]:
    # The file repeats some.
    return iter({case.name: case for case in each()}.values())


def each() -> Iterator[Case]:
    for test, listed in parametrized(files("email-validator")["tests/test_syntax.py"]):
        for case in listed if test in {*NORMALIZED, *READ, *REFUSED, ISEMAIL} else []:
            address = given(case)
            question = asked.value("email = {}", address)
            name = f"{test}: {address}"
            if test in NORMALIZED:
                normal = next(ast.literal_eval(k.value) for k in case.elts[1].keywords if k.arg == "normalized")
                yield Case(
                    name,
                    (question,),
                    lambda a, question=question, normal=normal: asked.came_out(question, a[0]) == normal,
                )
            elif test in READ:
                yield Case(name, (question,), accepted)
            elif test in REFUSED:
                yield Case(name, (question,), invalid)
            elif (status := ast.literal_eval(case)[1]) not in BY_OPTION:
                yield Case(name, (question,), accepted if status == "ISEMAIL_VALID" else invalid)


def parametrized(source: bytes) -> Iterator[tuple[str, list[Any]]]:
    """Name and cases of each test that has a list of cases; the file is Python."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and isinstance(decorator.args[1], ast.List):
                    yield node.name, decorator.args[1].elts


def given(case: Any) -> str:
    return ast.literal_eval(case.elts[0] if isinstance(case, ast.Tuple | ast.List) else case)


SUITES = (
    Suite("email-validator syntax", ("email-validator",), "the same address, or refused", cases, (
        Exclusion(
            r"test_email_(valid(_intl_local_part)?|invalid_syntax_strict): .*[^\x00-\x7f].*",
            "invalid_email",
            "not ASCII: `email.form`, for a library that knows IDNA",
        ),
        Exclusion(
            "test_pyisemail_tests: test@xn--hxajbheg2az3al.xn--jxalpdlp",
            "invalid_email",
            "Punycode: `email.form`, for a library that knows IDNA",
        ),
        Exclusion(
            r'test_email_valid: "[\x00-\x7f]*(?<!>)',
            "invalid_email",
            "a quoted local part, which the library reads with an option only",
        ),
        Exclusion(
            r"test_email_valid: [\x00-\x7f]*<[\x00-\x7f]*>",
            "invalid_email",
            "a display name, which the library reads with an option only",
        ),
    )),
)  # fmt: skip
