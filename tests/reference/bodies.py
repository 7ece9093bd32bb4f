"""JSON bodies: checked, and written anew by the rules of `[route.json]`.

Source: docs/policy/bodies.md.
"""

from __future__ import annotations

import re
from typing import Any

from reference import json_bounds
from reference.answer import Checks, Outside, Refused
from reference.body_rules import Pass
from reference.field_paths import tree
from reference.json_text import Deep, Malformed, parse
from reference.writers import WRITERS

ENCODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")

FINDINGS = {
    "json.lone_surrogate": "lone_surrogate",
    "json.number_length": "number_length",
    "json.duplicate_key": "duplicate_key",
}

# Where these are rolled out, the whole body goes on as it came.
WHOLE = {"json.encoding", "malformed_json", "json.depth", "json.lone_surrogate"}


def media_type(content_type: bytes | None, part: str = "json") -> bytes:
    """The media type of the first `content-type` header, in lower case. `part` names the code: `json` or `form`."""
    media = (content_type or b"").split(b";")[0].strip(b" \t")
    if re.search(rb"[^ \t\x21-\x7e]", media):
        raise Outside(f"{part}.content_type", "content_type")
    return media.lower()


def normalize(policy: dict[str, Any], body: bytes, checks: Checks) -> bytes | None:
    """What becomes of a body that is JSON by its media type and not empty; None where it goes on as it came.

    `policy` is the table `[route.json]` as TOML gives it, defaults not filled in. Raises `Outside` or `Refused`; codes
    of whole-request checks go through `checks.fired`, and a field rule with a `rollout` of its own leaves
    `checks.remark(code, path)`. The size bound was checked before.
    """
    # A body that is not judged to its end leaves no remarks but the last.
    pending = Checks(checks.rollout)
    written = judge(policy, body, pending)
    for code, field in pending.remarks:
        checks.remark(code, field)
    return None if written == body else written


def judge(policy: dict[str, Any], body: bytes, checks: Checks) -> bytes:
    """The body that goes on. Findings end it in the order of the chapter."""
    value, findings = read(body)
    for code in findings:
        stop = Outside(code, FINDINGS[code])
        if code in WHOLE:
            raise stop
        checks.fired(stop)
    json_bounds.check(policy, value, checks)
    output = policy.get("output", "original")
    rules = Pass(tree(policy.get("fields", {})), policy.get("unknown", "keep"), output == "jcs")
    value = rules.run(value)
    if rules.refusals:
        raise min(rules.refusals.items(), key=lambda refusal: refusal[0].index)[1]
    for remark in rules.remarks:
        checks.remark(*remark)
    if rules.unknown_found:
        checks.fired(Refused("unknown_field"))
    if output == "original":
        return body
    if output == "jcs" and (rules.formless or json_bounds.any_without_form(value)):
        checks.fired(Refused("jcs_number"))
    return WRITERS[output](value)


def read(body: bytes) -> tuple[Any, list[str]]:
    """The value of a body, and what is outside in it."""
    if other_encoding(body):
        raise Outside("json.encoding", "malformed_json")
    if encodes_surrogates(body):
        raise Outside("json.encoding", "malformed_json")
    findings: list[str] = []
    try:
        return parse(body.decode(), findings), findings
    except (UnicodeDecodeError, Malformed):
        raise Refused("malformed_json") from None
    except Deep:
        raise Outside("json.depth", "too_deep") from None


def other_encoding(body: bytes) -> bool:
    """Whether the body begins as text of another encoding than UTF-8, or with a byte order mark."""
    if body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return True
    return (len(body) == 2 or len(body) >= 4) and 0 in body[:2]


def encodes_surrogates(body: bytes) -> bool:
    """Whether nothing but encoded surrogates keeps the body from being UTF-8."""
    try:
        body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return ENCODED_SURROGATE.search(body) is not None
