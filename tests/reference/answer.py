"""What a decision can be, and how a check ends one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

ENFORCE, OBSERVE, WARN = "enforce", "observe", "warn"


class Outside(Exception):
    """What is outside the grammars: a dotted code `why`, and the code `refused` that it has where a route refuses."""

    def __init__(self, why: str, refused: str, field: str | None = None) -> None:
        super().__init__(why)
        self.why, self.refused, self.field = why, refused, field

    @property
    def code(self) -> str:
        """The code by which a check is rolled out."""
        return self.why


class Refused(Exception):
    """What the policy forbids; `field` is the path of the rule that refused, as the policy writes it."""

    def __init__(self, code: str, field: str | None = None) -> None:
        super().__init__(code)
        self.code, self.field = code, field


@dataclass
class Checks:
    """Which checks of a route only leave a remark, and the remarks that they left.

    `rollout` maps codes of whole-request checks to `observe` or `warn`; a code that is not in it is enforced.
    """

    rollout: dict[str, str] = dataclasses.field(default_factory=dict)
    remarks: list[tuple[str, str | None]] = dataclasses.field(default_factory=list)

    def fired(self, stop: Outside | Refused) -> None:
        """Raises `stop`, or returns where its check is rolled out: the caller then goes on leniently.

        What a field's rule found is rolled out by the rule, not here.
        """
        if stop.field is not None or self.rollout.get(stop.code, ENFORCE) == ENFORCE:
            raise stop
        self.remark(stop.code)

    def remark(self, code: str, field: str | None = None) -> None:
        """Leaves a remark, as a rolled-out check or field rule does; the same one only once."""
        if (code, field) not in self.remarks:
            self.remarks.append((code, field))


@dataclass
class Answer:
    """What `admit` says of one request. A part that is None goes on as it came."""

    outcome: str
    path: bytes | None = None
    query: bytes | None = None
    headers: list[tuple[bytes, bytes]] | None = None
    body: bytes | None = None
    limit: str | None = None
    retry_after: int | None = None
    code: str | None = None
    field: str | None = None
    charges: list[tuple[str, bytes, int]] = dataclasses.field(default_factory=list)
    remarks: list[tuple[str, str | None]] = dataclasses.field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it, bytes as Latin-1 text: the line that the candidate writes for the same request."""
        plain = {name: latin(value) for name, value in vars(self).items()}
        lists = {name for name in ("charges", "remarks") if not plain[name]}
        return {name: value for name, value in plain.items() if value is not None and name not in lists}


def latin(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, list | tuple):
        return [latin(item) for item in value]
    return value
