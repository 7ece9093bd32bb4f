"""
Sends recorded requests to a service over real connections.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

# Few enough that no client meets a limit in a round, and each round comes from clients of its own: the rounds are
# compared answer by answer, and a limit depends on when a request comes. What limits do is the replay's part.
PER_FILE = 60
PER_CLIENT = 2

# Headers by which the gateway's limits tell clients apart.
CLIENT_HEADERS = ("x-forwarded-for", "authorization", "x-github-hook-id")

COMBINED = re.compile(r'^(\S+) \S+ \S+ \[[^\]]*\] "([A-Z]+) (/\S*) HTTP/[\d.]+"')

# Headers that the client library writes by itself, or that speak of the recorded connection.
NOT_SENT = {"host", "content-length", "connection", "transfer-encoding", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded request, and what was answered when it was sent."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    answer: tuple[int, bytes] = (0, b"")

    @property
    def status(self) -> int:
        return self.answer[0]


def slice_of(files: list[Path]) -> list[Recorded]:
    """
    Requests from all over each file, at most a few of each client.
    """
    chosen: list[Recorded] = []
    seen: dict[str, int] = {}
    for file in files:
        # Not splitlines(), which also ends a line at U+2028 and others that stand inside recorded texts.
        lines = file.read_text(encoding="utf-8", errors="replace").removesuffix("\n").split("\n")
        taken = 0
        for line in lines[:: max(1, len(lines) // (4 * PER_FILE))]:
            client, request = _jsonl(line) if file.suffix == ".jsonl" else _combined(line)
            if request is None or seen.get(client, 0) >= PER_CLIENT or taken == PER_FILE:
                continue
            seen[client] = seen.get(client, 0) + 1
            chosen.append(request)
            taken += 1
    return chosen


def _combined(line: str) -> tuple[str, Recorded | None]:
    found = COMBINED.match(line)
    if found is None or not found[3].isascii():
        return "", None
    client = found[1] if re.fullmatch(r"[\d.]+", found[1]) else _address(found[1])
    return client, Recorded(found[2], found[3], (("x-forwarded-for", client),), b"")


def _jsonl(line: str) -> tuple[str, Recorded | None]:
    row = json.loads(line)
    body = base64.b64decode(row["body_b64"]) if row.get("body_b64") else (row.get("body") or "").encode()
    headers = tuple((name, value) for name, value in row["headers"] if name not in NOT_SENT)
    # These recordings name no client. An address and a credential of its own for each keep the round below the limits
    # that all nameless clients share.
    client = _address(dict(row["headers"]).get("x-github-hook-id") or row["target"])
    for name, value in (("authorization", f"recorded {client}"), ("x-forwarded-for", client)):
        if not any(has == name for has, _ in headers):
            headers += ((name, value),)
    return client, Recorded(row["method"], row["target"], headers, body)


def _address(name: str) -> str:
    """An address of 10.0.0.0/8 for a name, always the same."""
    number = sum(ord(c) * 31**i for i, c in enumerate(name)) % (1 << 24)
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _as_another(headers: tuple[tuple[str, str], ...], number: int) -> tuple[tuple[str, str], ...]:
    """The headers of another client, always the same one for the same number."""

    def value_of(name: str, value: str) -> str:
        if name not in CLIENT_HEADERS:
            return value
        return _address(f"{value} {number}") if name == "x-forwarded-for" else f"{value} {number}"

    return tuple((name, value_of(name, value)) for name, value in headers)


class Driver:
    """
    Clients of one service: a few connections that are kept open.
    """

    def __init__(self, url: str, clients: int = 4) -> None:
        self.address = urlsplit(url).netloc
        self.clients = clients
        self.rounds = 0

    def round(self, requests: list[Recorded]) -> list[Recorded]:
        """
        Send all of them as clients that no round before has been, and return them with their answers in the same order.
        """
        self.rounds += 1
        requests = [replace(request, headers=_as_another(request.headers, self.rounds)) for request in requests]
        with ThreadPoolExecutor(self.clients) as pool:
            shares = pool.map(self._share, [requests[n :: self.clients] for n in range(self.clients)])
        answered: list[Recorded] = list(requests)
        for n, share in enumerate(shares):
            answered[n :: self.clients] = share
        return answered

    def _share(self, requests: list[Recorded]) -> list[Recorded]:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        answered = []
        for request in requests:
            connection.request(request.method, request.target, body=request.body or None, headers=dict(request.headers))
            response = connection.getresponse()
            answered.append(replace(request, answer=(response.status, response.read())))
        connection.close()
        return answered
