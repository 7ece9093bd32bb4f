"""Chance, and TOML for what it makes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

T = TypeVar("T")


def by_seeds(count: int) -> Callable[[Callable[[int], None]], Callable[[], None]]:
    """Runs a test with so many seeds, the same ones every time: a drawn example costs more than what a seed makes."""

    def decorate(test: Callable[[int], None]) -> Callable[[], None]:
        rules = settings(
            max_examples=count, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        return rules(given(st.integers(0, 2**64 - 1))(test))

    return decorate


class Dice(Random):
    """A source of chance with the questions that a grammar asks."""

    def chance(self, share: float) -> bool:
        return self.random() < share

    def some(self, choices: Sequence[T], most: int | None = None) -> list[T]:
        """Up to `most` of the choices, each once, in any order."""
        count = self.randint(0, min(len(choices), most or len(choices)))
        return self.sample(list(choices), count)

    def few(self, make: Callable[[], T], most: int) -> list[T]:
        """Up to `most` made ones; short lists are likelier."""
        return [make() for _ in range(min(self.randint(0, most), self.randint(0, most)))]

    def table(self, keys: dict[str, Callable[[], Any]], share: float) -> dict[str, Any]:
        """Some keys, each there with probability `share`; a value of None leaves its key out."""
        drawn = {key: make() for key, make in keys.items() if self.chance(share)}
        return {key: value for key, value in drawn.items() if value is not None}


def toml(root: dict[str, Any]) -> str:
    """A policy as TOML: scalars first, then tables; what lies deeper is inline."""
    lines = [f"{key} = {inline(value)}" for key, value in root.items() if not is_section(value)]
    for key, value in root.items():
        if isinstance(value, dict):
            lines += section(f"[{name(key)}]", name(key), value)
        elif is_section(value):
            for table in value:
                lines += section(f"[[{key}]]", key, table)
    return "\n".join(lines) + "\n"


def section(head: str, path: str, table: dict[str, Any]) -> list[str]:
    lines = [head, *(f"{name(key)} = {inline(value)}" for key, value in table.items() if not isinstance(value, dict))]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += section(f"[{path}.{name(key)}]", f"{path}.{name(key)}", value)
    return lines


def is_section(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and value != [] and isinstance(value[0], dict))


def inline(value: Any) -> str:
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name(key)} = {inline(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


class Raw(str):
    """TOML text, as it stands."""

    __slots__ = ()


def name(key: str) -> str:
    plain = key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    return key if plain else json.dumps(key, ensure_ascii=False)
