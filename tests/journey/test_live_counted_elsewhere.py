"""
Hits of a limit that no exchange tells of, because the route that makes them is `off` or none of the policy's, are no
mismatches of the routes that are compared.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

from live_service import KEYS, Live, live

AMOUNT = 20
WINDOW = 4.0
"""Of the service's limit, in seconds."""
CLIENTS = KEYS[:4]


def hits(found: Live, path: str, each: int) -> Counter[int]:
    """So many requests of each client for a path of the service; how many were answered with which status."""
    route, found.route = found.route, path
    answers = found.ask([client for client in CLIENTS for _ in range(each)])
    found.route = route
    if path != route:
        found.asked -= len(answers)
    return Counter(answer.status for answer in answers)


def test_what_another_path_counts_is_no_mismatch(tmp_path: Path) -> None:
    """
    The control refuses because of hits that nobody told of: these keys are cold, and judged again once that is over.
    """
    with live(tmp_path, rate=f"{AMOUNT}/{WINDOW:.0f} second", route="moving", workers=1) as found:
        # From here on everything is known.
        hits(found, "moving", 1)
        time.sleep(WINDOW + 1.5)
        assert hits(found, "aside", AMOUNT - 5) == {200: 4 * (AMOUNT - 5)}
        assert hits(found, "moving", 10) == {200: 4 * 5, 429: 4 * 5}
        account = found.settled()
        # Of those that were under way together nobody knows whose hit came first either.
        assert account.mismatches == 0 and account.not_judged.total() >= 4 * 5
        assert account.free["mismatch"] == 0, "the candidate was given the control's counts"
        time.sleep(WINDOW + 1.5)
        cold = account.not_judged["cold"]
        assert hits(found, "moving", AMOUNT + 5) == {200: 4 * AMOUNT, 429: 4 * 5}
        account = found.settled()
        assert (account.mismatches, account.not_judged["cold"]) == (0, cold)
