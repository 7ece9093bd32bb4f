"""
What the candidate decided, as an outcome. Strictly private.
"""

from __future__ import annotations

from dataclasses import replace

from crossfade._core import Decision
from crossfade.observation import Outcome


def outcome_of(decision: Decision) -> Outcome:
    """The outcome of a decision that is one."""
    kind = decision.kind
    if kind == "accepted":
        return Outcome.accepted(
            path=decision.path,
            query=decision.query,
            headers=decision.headers,
            body=decision.body,
            warnings=decision.warnings,
            limit_headers=decision.limit_headers,
            charges=decision.charges,
        )
    if kind == "limited":
        refused = Outcome.limited(decision.limit or "", retry_after=decision.retry_after)
    else:
        refused = Outcome.invalid(decision.code or "", field=decision.field)
    told = decision.limit_headers
    return replace(refused, limit_headers=told) if told else refused
