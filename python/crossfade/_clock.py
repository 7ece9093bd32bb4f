"""
A wall clock that stands still, for replaying a control at its recorded time.

Strictly private. Known libraries did not do: one misses a part of the stamps by a bit, because it goes through
nanoseconds as a float; another stops monotonic clocks too, which timeouts need. Here `time.time()` is exactly
`micros / 1e6`, the f64 that both sides compute with, and monotonic clocks run on.

Only Python's own clock functions are replaced: compiled code that asks the operating system sees the real time.
"""

from __future__ import annotations

import datetime as _datetime
import time as _time
from typing import Any

_real_date = _datetime.date
_real_datetime = _datetime.datetime
_real = {
    name: getattr(_time, name) for name in ("gmtime", "localtime", "ctime", "asctime", "strftime", "clock_gettime")
}
_EPOCH = _real_datetime(1970, 1, 1, tzinfo=_datetime.UTC)

_micros = 0


def stand_at(micros: int) -> None:
    """
    Let the wall clock stand at `micros`, microseconds since the epoch, and make sure that it does.
    """
    global _micros
    _micros = micros
    if _time.time() != micros / 1e6:
        raise AssertionError(f"the clock shows {_time.time()!r}, not {micros / 1e6!r}: install() was not called first")


def _now() -> float:
    return _micros / 1e6


class _InstanceOf(type):
    """
    Makes real dates instances of the stand-ins: code tests for the class that it imported.
    """

    _real: type

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls._real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, cls._real)


class _Date(_real_date, metaclass=_InstanceOf):
    _real = _real_date

    @classmethod
    def today(cls) -> Any:
        return _real_date.fromtimestamp(_now())


class _Datetime(_real_datetime, metaclass=_InstanceOf):
    _real = _real_datetime

    @classmethod
    def now(cls, tz: _datetime.tzinfo | None = None) -> Any:
        # By way of integers: fromtimestamp(float) rounds.
        moment = _EPOCH + _datetime.timedelta(microseconds=_micros)
        return moment.astimezone(tz) if tz is not None else moment.astimezone().replace(tzinfo=None)

    @classmethod
    def utcnow(cls) -> Any:
        return (_EPOCH + _datetime.timedelta(microseconds=_micros)).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


def install() -> None:
    """
    Replace Python's wall clock functions. Called before the service is imported, once.
    """
    _time.time = _now
    _time.time_ns = lambda: _micros * 1000
    _time.gmtime = lambda seconds=None: _real["gmtime"](_now() if seconds is None else seconds)
    _time.localtime = lambda seconds=None: _real["localtime"](_now() if seconds is None else seconds)
    _time.ctime = lambda seconds=None: _real["ctime"](_now() if seconds is None else seconds)
    _time.asctime = lambda t=None: _real["asctime"](_time.localtime() if t is None else t)
    _time.strftime = lambda format, t=None: _real["strftime"](format, _time.localtime() if t is None else t)
    _time.clock_gettime = lambda clock: _now() if clock == _time.CLOCK_REALTIME else _real["clock_gettime"](clock)
    _datetime.date = _Date  # type: ignore[misc]
    _datetime.datetime = _Datetime  # type: ignore[misc]
