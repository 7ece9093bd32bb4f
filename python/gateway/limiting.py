"""Who may ask how often. Counts live in this worker's memory, so two workers admit twice as much."""

import math
import time

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter

from gateway.refusals import RateLimited

storage = MemoryStorage()
moving_window = MovingWindowRateLimiter(storage)
fixed_window = FixedWindowRateLimiter(storage)

PAGES_BURST = parse("10/second")
PAGES = parse("60/minute")
LOGIN = parse("5/minute")
API = parse("120/minute")
WEBHOOKS = parse("30/minute")


def limit_pages(client: str) -> None:
    """A burst limit, then a steady one; a request that the second refuses has still used up the first."""
    hit(moving_window, PAGES_BURST, "pages", client)
    hit(moving_window, PAGES, "pages", client)


def limit_login(client: str) -> None:
    """Fixed window on purpose: there a refused attempt counts too, so hammering does not pay."""
    hit(fixed_window, LOGIN, "login", client)


def limit_api(credential: str) -> None:
    hit(moving_window, API, "api", credential)


def limit_webhooks(sender: str) -> None:
    hit(fixed_window, WEBHOOKS, "webhooks", sender)


def hit(limiter: RateLimiter, limit: RateLimitItem, *identifiers: str) -> None:
    """Count one request, or raise RateLimited."""
    if not limiter.hit(limit, *identifiers):
        reset_time = limiter.get_window_stats(limit, *identifiers).reset_time
        # At least a second: "Retry-After: 0" makes clients come back at once.
        raise RateLimited(limit, max(1, math.ceil(reset_time - time.time())))
