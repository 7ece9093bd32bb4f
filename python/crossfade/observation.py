"""
What a side decided, and what it did on the way.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["accepted", "limited", "invalid", "outside"]

Reject = Callable[["Outcome"], Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]]
"""Renders a refusal: gets the outcome, gives an ASGI app that answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What a side decided. Immutable; made by `accepted`, `limited`, `invalid` and `outside`.
    """

    kind: Kind
    path: bytes | None = None
    query: bytes | None = None
    headers: list[tuple[bytes, bytes]] | None = None
    body: bytes | None = None
    warnings: Sequence[tuple[str, str | None]] = dataclasses.field(default=(), compare=False)
    """What checks found that are rolled out as `warn`: (code, path of the field or None)."""
    limit: str | None = None
    retry_after: int | None = None
    code: str | None = None
    field: str | None = None
    status: int | None = None
    exception: Exception | None = dataclasses.field(default=None, compare=False, repr=False)
    """The exception that the control raised to say this, for rendering it as the control does."""
    limit_headers: Sequence[tuple[bytes, bytes]] = dataclasses.field(default=(), compare=False)
    """Headers that say what is left of the limits, for the response, where the policy wants them (`limit_headers`)."""
    charges: Any = dataclasses.field(default=(), compare=False, repr=False)
    """What `Seam.settle` needs: the candidate's charges whose cost becomes known late."""

    @classmethod
    def accepted(
        cls,
        *,
        path: bytes | None = None,
        query: bytes | None = None,
        headers: list[tuple[bytes, bytes]] | None = None,
        body: bytes | None = None,
        warnings: Sequence[tuple[str, str | None]] = (),
        limit_headers: Sequence[tuple[bytes, bytes]] = (),
        charges: Any = (),
    ) -> Outcome:
        """
        The request goes on; None: that part as it came.
        """
        return _frozen(
            "accepted",
            path=path,
            query=query,
            headers=headers,
            body=body,
            warnings=warnings,
            limit_headers=limit_headers,
            charges=charges,
        )

    @classmethod
    def limited(cls, limit: str, *, retry_after: int | None = None, exception: Exception | None = None) -> Outcome:
        """
        Refused by the limit of that name in the policy; `retry_after` in whole seconds, None if not said.
        """
        return _frozen("limited", limit=limit, retry_after=retry_after, exception=exception)

    @classmethod
    def invalid(cls, code: str, *, field: str | None = None, exception: Exception | None = None) -> Outcome:
        """
        Refused for what it says: a stable code, and the path of the field if one was refused.
        """
        return _frozen("invalid", code=code, field=field, exception=exception)

    @classmethod
    def outside(cls, status: int, *, exception: Exception | None = None) -> Outcome:
        """
        The control's own answer that no policy speaks of (401, 403, 404): counted, never compared.
        """
        return _frozen("outside", status=status, exception=exception)


class _Draft:
    """
    An outcome before it is frozen: the same slots, and plain assignment, which takes a tenth of the time.
    """

    __slots__ = tuple(entry.name for entry in dataclasses.fields(Outcome))


def _frozen(
    kind: Kind,
    path: bytes | None = None,
    query: bytes | None = None,
    headers: list[tuple[bytes, bytes]] | None = None,
    body: bytes | None = None,
    warnings: Sequence[tuple[str, str | None]] = (),
    limit: str | None = None,
    retry_after: int | None = None,
    code: str | None = None,
    field: str | None = None,
    status: int | None = None,
    exception: Exception | None = None,
    limit_headers: Sequence[tuple[bytes, bytes]] = (),
    charges: Any = (),
) -> Outcome:
    draft: Any = _Draft()
    draft.kind = kind
    draft.path = path
    draft.query = query
    draft.headers = headers
    draft.warnings = warnings
    draft.body = body
    draft.limit = limit
    draft.retry_after = retry_after
    draft.code = code
    draft.field = field
    draft.status = status
    draft.exception = exception
    draft.limit_headers = limit_headers
    draft.charges = charges
    draft.__class__ = Outcome
    outcome: Outcome = draft
    return outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """
    What one side did with one request. Immutable.

    Args:
        outcome: What it decided; None when it raised something that is no outcome.
        raised: That exception.
        charges: Hits of limits as (limit, key, cost), refused ones included; None: not reported.
        nanos: How long it took, in nanoseconds of a monotonic clock.
    """

    outcome: Outcome | None = None
    raised: Exception | None = None
    charges: list[tuple[str, bytes, int]] | None = None
    nanos: int = 0


Observe = Callable[[Any, Exception | None], Outcome]
"""Turns what a control returned, or the exception it raised, into an outcome; raises for what it does not know."""
