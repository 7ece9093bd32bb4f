"""What can be done to one value of a JSON body.

A rule gets a value and returns what stands there from now on. It leaves alone what it does not
speak of – another JSON type, or a text that is not of its kind – because the backends have their
own, better, errors for that.
"""

import unicodedata
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from email_validator import validate_email

Rule = Callable[[Any], Any]


class Exact(float):
    """A JSON number that keeps its text: 1.10 stays 1.10, and 0.1000000000000000055 keeps every digit."""

    __slots__ = ("text",)

    text: str

    def __new__(cls, text: str) -> "Exact":
        number = super().__new__(cls, text)
        number.text = text
        return number


class Invalid(ValueError):
    """A value that a rule refuses."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def text(max_chars: int) -> Rule:
    """Trimmed, in normal form C, and no longer than the backends' columns."""

    def rule(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        value = unicodedata.normalize("NFC", value.strip())
        if len(value) > max_chars:
            raise Invalid("too_long")
        return value

    return rule


def timestamp(value: Any) -> Any:
    """UTC with milliseconds. Relative times ("now-15m") are legal and stay."""
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return value


def identifier(value: Any) -> Any:
    """A UUID in its usual spelling."""
    if not isinstance(value, str):
        return value
    try:
        return str(uuid.UUID(value))
    except ValueError:
        return value


def email(value: Any) -> Any:
    """An address in its normal form. No DNS: a request must not wait for somebody's name server."""
    if not isinstance(value, str):
        return value
    try:
        return validate_email(value, check_deliverability=False).normalized
    except ValueError:
        raise Invalid("invalid_email") from None


def integer(value: Any) -> Any:
    """Some clients send ids as text."""
    if not isinstance(value, str):
        return value
    try:
        return int(value)
    except ValueError:
        return value


BOOLEANS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def boolean(value: Any) -> Any:
    """Form-minded clients send "yes" and "off"."""
    if not isinstance(value, str):
        return value
    return BOOLEANS.get(value.strip().lower(), value)


def decimal(scale: int) -> Rule:
    """A number with exactly `scale` digits after the point, rounded half to even, never by way of a float."""
    step = Decimal(1).scaleb(-scale)

    def rule(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int | Exact):
            return value
        try:
            number = Decimal(value.text if isinstance(value, Exact) else value)
        except InvalidOperation:
            if isinstance(value, str):
                return value
            raise Invalid("invalid_decimal") from None  # a literal with an exponent beyond Decimal's
        if not number.is_finite():
            return value
        try:
            return Exact(format(number.quantize(step, ROUND_HALF_EVEN), "f"))
        except InvalidOperation:
            raise Invalid("invalid_decimal") from None

    return rule


def enum(spellings: Mapping[str, Sequence[str]]) -> Rule:
    """One spelling for each choice: {"canonical": ["alias", …]}."""
    canonical = {name.lower(): name for name in spellings}
    canonical |= {alias: name for name, aliases in spellings.items() for alias in aliases}

    def rule(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return canonical.get(value.strip().lower(), value)

    return rule


class Default:
    """What an absent key gets; a null is a value and stays."""

    def __init__(self, value: Any) -> None:
        self.value = value
