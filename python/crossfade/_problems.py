"""
Refusals as problem details (RFC 9457): what a client reads where nobody renders them, or the policy wants it so.
"""

from __future__ import annotations

import json
from typing import Any

from crossfade.observation import Outcome

# Of a refusal by its code, else by its kind. What is not here is the client's mistake in what it says: 400.
_STATUSES = {
    "too_large": (413, "Content Too Large"),
    "path_too_long": (414, "URI Too Long"),
    "too_many_headers": (431, "Request Header Fields Too Large"),
    "headers_too_large": (431, "Request Header Fields Too Large"),
    "header_too_large": (431, "Request Header Fields Too Large"),
    "limited": (429, "Request cannot be satisfied as assigned quota has been exceeded"),
    "invalid": (400, "Bad Request"),
}

# draft-ietf-httpapi-ratelimit-headers-10, registered there for 429.
_QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def problem(outcome: Outcome) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """
    Status, headers and body of a refusal.
    """
    status, title = _STATUSES.get(outcome.code or "", _STATUSES.get(outcome.kind, (outcome.status or 403, "Refused")))
    said: dict[str, Any] = {"title": title, "status": status}
    if outcome.kind == "limited":
        said = {"type": _QUOTA_EXCEEDED, **said, "violated-policies": [outcome.limit]}
    said |= {name: value for name in ("code", "field") if (value := getattr(outcome, name)) is not None}
    content = json.dumps(said).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(content))]
    if outcome.retry_after is not None:
        headers.append((b"retry-after", b"%d" % outcome.retry_after))
    return status, headers, content
