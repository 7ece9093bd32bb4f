"""Form bodies: docs/policy/bodies.md, "Forms"."""

from __future__ import annotations

from typing import Any

from reference.answer import Checks, Outside, Refused
from reference.body_rules import Pass
from reference.field_paths import Place, Rule
from reference.fields import LEFT_OUT
from reference.json_text import Members
from reference.query import decode, encode, is_utf8
from reference.sizes import size

Pairs = list[tuple[str, str]]


def normalize(policy: dict[str, Any], body: bytes, checks: Checks) -> bytes:
    """The body that goes on; `policy` is the table `[route.form]`."""
    # A body that is not judged to its end leaves no remarks but the last.
    pending = Checks(checks.rollout)
    written = judge(policy, body, pending)
    for code, field in pending.remarks:
        checks.remark(code, field)
    return written


def judge(policy: dict[str, Any], body: bytes, checks: Checks) -> bytes:
    pairs = read(body)
    bounds(policy, pairs, checks)
    pairs = settled(policy, pairs, checks)
    rules = FormPass(root(policy.get("fields", {})), policy.get("unknown", "keep"), jcs=False)
    members = rules.run(Members([name, value] for name, value in pairs))
    if rules.refusals:
        raise min(rules.refusals.items(), key=lambda refusal: refusal[0].index)[1]
    for remark in rules.remarks:
        checks.remark(*remark)
    if rules.unknown_found:
        checks.fired(Refused("unknown_field"))
    return b"&".join(encode({}, name.encode()) + b"=" + encode({}, text(value).encode()) for name, value in members)


class FormPass(Pass):
    """The walk through a form, in which whatever an operation gives is a text."""

    def of_rule(self, rule: Rule, value: Any, kept: list[str]) -> Any:
        new = super().of_rule(rule, value, kept)
        return new if new is LEFT_OUT else text(new)


def read(body: bytes) -> Pairs:
    """Names and values, decoded."""
    pairs = []
    for piece in filter(None, body.split(b"&")):
        if not piece.isascii():
            raise Outside("form.character", "invalid_form")
        name, _, value = piece.partition(b"=")
        if not (is_utf8(decode(name)) and is_utf8(decode(value))):
            raise Outside("form.utf8", "invalid_form")
        pairs.append((decode(name).decode(), decode(value).decode()))
    return pairs


def bounds(policy: dict[str, Any], pairs: Pairs, checks: Checks) -> None:
    def above(bound: str, length: int) -> bool:
        return bound in policy and length > size(policy[bound])

    if above("max_params", len(pairs)):
        checks.fired(Refused("too_many_fields"))
    if any(above("max_name_bytes", len(name.encode())) for name, _ in pairs):
        checks.fired(Refused("name_too_long"))
    if any(above("max_value_bytes", len(value.encode())) for _, value in pairs):
        checks.fired(Refused("value_too_long"))


def settled(policy: dict[str, Any], pairs: Pairs, checks: Checks) -> Pairs:
    """The pairs that `duplicates` leaves."""
    names = [name for name, _ in pairs]
    match policy.get("duplicates", "keep"):
        case "first":
            return [pair for index, pair in enumerate(pairs) if pair[0] not in names[:index]]
        case "last":
            return list(dict(pairs).items())
        case "reject" if len(set(names)) < len(names):
            checks.fired(Refused("duplicate_field"))
    return pairs


def root(fields: dict[str, Any]) -> Place:
    """The rules by name: a name of a form is no path."""
    listed = [Rule(index, name, table, [name]) for index, (name, table) in enumerate(fields.items())]
    return Place(names={rule.path: Place(rule=rule) for rule in listed})


def text(value: Any) -> str:
    """What an operation gave, as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)
