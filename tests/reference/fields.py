"""One rule for one value. Numbers are text: a `Number` is the literal as it stood in the body."""

from __future__ import annotations

from typing import Any


class Number(str):
    """A JSON number, as its literal."""

    __slots__ = ()


def apply(rule: dict[str, Any], value: Any) -> Any:
    """The value that `rule`, an inline table of `[route.json.fields]`, makes of a present `value`.

    Values are None, bool, str, Number, list, and dict in the order of the body. Raises `Outside` or `Refused` without a
    field; the caller adds it.
    """
    raise NotImplementedError
