"""`crossfade.toml` after the compiler has accepted it: routes with their defaults applied, and which route matches."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from reference.json_text import Number
from reference.limits import Limit
from reference.sizes import size

# Tables whose keys a route overrides one by one; `false` takes a default back.
TABLES = ("target", "host", "headers", "rollout")
UNRESERVED = re.compile(rb"%(2[DdEe]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaFf]|6[1-9A-Fa-f]|7[0-9AaEe])")


@dataclass(frozen=True)
class Route:
    """One route; `table` is its TOML table with what it inherits."""

    name: str
    patterns: tuple[str, ...]
    limits: tuple[Limit, ...]
    cutover: Limit | None
    table: dict[str, Any]

    def part(self, name: str) -> dict[str, Any] | None:
        """The table of a part (`target`, `json`, …), or None where the route leaves it alone."""
        found = self.table.get(name)
        return found if isinstance(found, dict) else None

    @property
    def keyed(self) -> list[Limit]:
        """The limits whose keys look at a request: those of the route, and that of its cutover key."""
        return [*self.limits, *([self.cutover] if self.cutover else [])]

    @property
    def max_bytes(self) -> int | None:
        """The largest body in bytes."""
        for table in (self.part("json") or {}, self.part("form") or {}, self.table):
            if "max_bytes" in table:
                return size(table["max_bytes"])
        return None


@dataclass(frozen=True)
class Policy:
    """A whole policy."""

    client: dict[str, Any]
    routes: tuple[Route, ...]

    @classmethod
    def read(cls, text: str) -> Policy:
        """Reads the text of a policy that the compiler accepts."""
        root = tomllib.loads(text, parse_float=Number)
        limits = {name: Limit.read(name, table) for name, table in root.get("limits", {}).items()}
        routes = [inherit(root.get("defaults", {}), table) for table in root["route"]]
        return cls(
            root.get("client", {}),
            tuple(
                Route(
                    table["name"],
                    tuple([table["match"]] if isinstance(table["match"], str) else table["match"]),
                    tuple(ordered([limits[name] for name in table.get("limits", [])], table.get("limits_order"))),
                    limits.get(table.get("cutover_key", "")),
                    table,
                )
                for table in routes
            ),
        )

    def route(self, method: bytes, path: bytes) -> Route | None:
        """The first route with a pattern that matches; None is a request that is passed through."""
        for route in self.routes:
            if any(matches(pattern, method, path) for pattern in route.patterns):
                return route
        return None

    def named(self, name: str) -> Route | None:
        """The route of that name."""
        return next((route for route in self.routes if route.name == name), None)


def inherit(defaults: dict[str, Any], route: dict[str, Any]) -> dict[str, Any]:
    table = {**defaults, **route}
    for name in TABLES:
        if isinstance(defaults.get(name), dict) and isinstance(route.get(name), dict):
            table[name] = {**defaults[name], **route[name]}
    return table


def ordered(limits: list[Limit], order: str | None) -> list[Limit]:
    """The limits in the order in which they are hit."""
    return sorted(limits, key=lambda limit: limit.unit) if order == "granularity" else limits


def matches(pattern: str, method: bytes, path: bytes) -> bool:
    methods, _, template = pattern.partition(" ")
    if methods != "*" and method not in methods.encode().split(b"|"):
        return False
    if not path.startswith(b"/"):
        return False
    wanted, found = template.encode().split(b"/")[1:], path.split(b"/")[1:]
    for index, segment in enumerate(wanted):
        if index >= len(found):
            return False
        if segment.startswith(b"{") and segment.endswith(b"*}"):
            return True
        if segment.startswith(b"{"):
            if not found[index]:
                return False
        elif canonical(found[index]) != segment:
            return False
    return len(found) == len(wanted)


def canonical(segment: bytes) -> bytes:
    """A segment with unreserved characters decoded, other triplets in upper case, and unsafe characters encoded."""
    segment = UNRESERVED.sub(lambda triplet: bytes([int(triplet[1], 16)]), segment)
    segment = re.sub(rb"%[0-9A-Fa-f]{2}", lambda triplet: triplet[0].upper(), segment)
    return re.sub(rb'["<>\[\]^{|}`]', lambda unsafe: b"%%%02X" % unsafe[0][0], segment)
