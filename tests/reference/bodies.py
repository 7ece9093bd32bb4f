"""JSON bodies: checked, and written anew by the rules of `[route.json]`."""

from __future__ import annotations

from typing import Any

from reference.answer import Checks


def normalize(policy: dict[str, Any], body: bytes, content_type: bytes | None, checks: Checks) -> bytes | None:
    """The body that goes on, or None where it goes on as it came.

    `policy` is the table `[route.json]` as TOML gives it, defaults not filled in. `content_type` is the first such
    header, or None. Raises `Outside` or `Refused`; codes of whole-request checks go through `checks.fired`, and a field
    rule with a `rollout` of its own leaves `checks.remark(code, path)`. The size bound was checked before.
    """
    raise NotImplementedError
