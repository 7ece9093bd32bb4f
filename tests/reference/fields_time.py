"""The operations `date` and `timestamp`. Source: docs/policy/values.md."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

from reference.answer import Outside, Refused
from reference.json_text import Number

WEEK_DATE = re.compile(r"[0-9]{4}(-W[0-9]{2}(-[0-9])?|W[0-9]{2}[0-9]?)")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST, LATEST = -62_135_596_800, 253_402_300_799


def is_day(year: str | bytes, month: str | bytes, day: str | bytes) -> bool:
    """Whether digits name a day of the years 0001 to 9999."""
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def day(rule: dict[str, Any], value: Any) -> str:
    """The operation `date`."""
    if isinstance(value, Number) or not isinstance(value, str):
        raise Refused("wrong_type")
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value) and is_day(value[:4], value[5:7], value[8:]):
        return value
    # CPython looks at a length of ten bytes, and reads eight of them.
    read = value[:8] if len(value.encode()) == 10 else value
    basic = re.fullmatch("[0-9]{8}", read) and is_day(read[:4], read[4:6], read[6:])
    if basic or WEEK_DATE.fullmatch(value) or re.fullmatch("[0-9]{4}W[0-9]{3}", read):
        raise Outside("date.form", "invalid_date")
    raise Refused("invalid_date")


def timestamp(rule: dict[str, Any], value: Any) -> str:
    unit = rule.get("epoch")
    if not isinstance(value, str) or (isinstance(value, Number) and unit is None):
        raise Refused("wrong_type")
    if unit is not None:
        if re.fullmatch(r"-?(0|[1-9][0-9]*)" if isinstance(value, Number) else r"-?[0-9]+", value):
            return written(*since_epoch(value, unit), rule["digits"])
        if isinstance(value, Number):
            raise Outside("timestamp.epoch", "invalid_timestamp")
    return written(*instant(value.encode(), rule.get("naive", "reject")), rule["digits"])


def since_epoch(text: str, unit: str) -> tuple[datetime, str]:
    digits = text.lstrip("-").lstrip("0") or "0"
    if len(digits) > 18:
        raise Refused("invalid_timestamp")
    count = -int(digits) if text.startswith("-") else int(digits)
    seconds, thousandths = divmod(count, 1000) if unit == "ms" else (count, 0)
    if not EARLIEST <= seconds <= LATEST:
        raise Refused("invalid_timestamp")
    return EPOCH + timedelta(seconds=seconds), f"{thousandths:03}"


def instant(text: bytes, naive: str) -> tuple[datetime, str]:
    """A moment without fraction, and the digits of its fraction."""
    date_in_front(text)
    shape = re.match(rb"[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?", text[10:])
    if not shape:
        refuse_form()
    zone = text[10 + shape.end() :]
    hour, minute, second = (int(shape[group]) for group in (1, 2, 3))
    if (shape[4] is None and zone.startswith(b".")) or hour == 24:
        refuse_form()
    offset = timedelta()
    if zone not in (b"", b"Z"):
        sign = re.fullmatch(rb"([+-])([0-9]{2}):([0-9]{2})", zone)
        if not sign:
            refuse_form()
        hours, minutes = int(sign[2]), int(sign[3])
        if hours > 23:
            raise Refused("invalid_timestamp")
        if minutes > 59:
            refuse_form()
        offset = timedelta(hours=hours, minutes=minutes) * (-1 if sign[1] == b"-" else 1)
    if hour > 24 or minute > 59 or second > 59:
        raise Refused("invalid_timestamp")
    if not zone and naive == "reject":
        raise Refused("invalid_timestamp")
    moment = datetime(int(text[:4]), int(text[5:7]), int(text[8:10]), hour, minute, second)
    try:
        return moment - offset, (shape[4] or b"").decode()
    except OverflowError:
        raise Refused("invalid_timestamp") from None


def date_in_front(text: bytes) -> None:
    """Returns where a text begins with a day in our own form."""
    if not re.match(rb"[0-9]{4}", text):
        raise Refused("invalid_timestamp")
    if own := re.match(rb"-([^W].)-(..)", text[4:], re.DOTALL):
        month, number, form = own[1], own[2], False
    elif re.match(rb"-?W[0-9]{2}", text[4:]):
        refuse_form()
    elif len(text) >= 8:
        month, number, form = text[4:6], text[6:8], True
    else:
        raise Refused("invalid_timestamp")
    if not (month + number).isdigit() or not is_day(text[:4], month, number):
        raise Refused("invalid_timestamp")
    if form:
        refuse_form()


def refuse_form() -> NoReturn:
    raise Outside("timestamp.form", "invalid_timestamp")


def written(moment: datetime, fraction: str, digits: int) -> str:
    fraction = fraction[:6].ljust(digits, "0")[:digits]
    whole = f"{moment.year:04}-{moment.month:02}-{moment.day:02}T{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    return whole + (f".{fraction}" if digits else "") + "Z"
