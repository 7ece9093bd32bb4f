"""The one file that knows both the gateway and crossfade.

Serve `gateway.wiring:app` instead of `gateway.app:app`. With no stage file every route is off and nothing changes.
"""

import os
from pathlib import Path
from typing import Any

import crossfade.observe
from crossfade import Outcome, Request, Seam
from crossfade.asgi import CrossfadeMiddleware
from starlette.responses import Response

from gateway import hotpath, limiting, proxy, responses
from gateway.app import app as service
from gateway.refusals import InvalidRequest, RateLimited

LIMITS = {
    limiting.PAGES_BURST: "pages-burst",
    limiting.PAGES: "pages",
    limiting.LOGIN: "login",
    limiting.API: "api",
    limiting.WEBHOOKS: "webhooks",
}
ITEMS = {name: item for item, name in LIMITS.items()}

# The status that goes with each code of the hot path.
STATUS = {"malformed_json": 400, "too_large": 413}


def control(decide: hotpath.Decide) -> Any:
    """A hot-path function as crossfade calls it: with the parts of a request."""

    def run(request: Request) -> hotpath.Forward:
        return decide(request.method, request.raw_path, request.query, request.headers, request.peer, request.body)

    # Says which sources the control's digest covers.
    run.__module__ = decide.__module__
    return run


def observe(forward: hotpath.Forward | None, error: Exception | None) -> Outcome:
    """What the hot path returned or raised, in crossfade's words."""
    match error:
        case None if forward is not None:
            return Outcome.accepted(
                path=forward.path.encode("ascii"), query=forward.query.encode("ascii"), body=forward.body
            )
        case RateLimited():
            return Outcome.limited(LIMITS[error.limit], retry_after=error.retry_after)
        case InvalidRequest():
            return Outcome.invalid(error.code, field=error.field)
    raise error or TypeError("the hot path returned nothing")


def reject(outcome: Outcome) -> Response:
    """A refusal as the gateway has always rendered it, whichever side refused."""
    if outcome.kind == "limited":
        assert outcome.limit is not None
        assert outcome.retry_after is not None
        return responses.rate_limited(RateLimited(ITEMS[outcome.limit], outcome.retry_after))
    code = outcome.code or "invalid"
    return responses.invalid_request(InvalidRequest(STATUS.get(code, 422), code, outcome.field))


crossfade.observe.limits(limiting.moving_window, LIMITS)
crossfade.observe.limits(limiting.fixed_window, LIMITS)

seam = Seam.from_file(os.environ.get("GATEWAY_POLICY") or Path(__file__).with_name("crossfade.toml"))
for route, decide in {
    "login": hotpath.login,
    "webhooks": hotpath.webhook,
    "api.v1": hotpath.api_v1,
    "api.v2": hotpath.api_v2,
    "repos": hotpath.repos,
    "blog.page": hotpath.page,
}.items():
    seam.control(route, control(decide), observe=observe, reject=reject)

app = CrossfadeMiddleware(service, seam, behind=proxy.behind)
