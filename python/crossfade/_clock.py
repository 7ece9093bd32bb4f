"""
A wall clock that stands still, for replaying a control at its recorded time.

Strictly private. Known libraries did not do: one misses a part of the stamps by a bit, because it goes through
nanoseconds as a float; another stops monotonic clocks too, which timeouts need. Here `time.time()` is exactly
`micros / 1e6`, the f64 that both sides compute with, and monotonic clocks run on.

Only Python's own clock functions are replaced: compiled code that asks the operating system sees the real time.
`datetime.date` and `datetime.datetime` become classes that stand in for the real ones. They make real objects, and real
objects are their instances; only `type(moment) is datetime` is false where it was true.
"""

from __future__ import annotations

import copyreg
import datetime as _datetime
import time as _time
from typing import Any

_real_date = _datetime.date
_real_datetime = _datetime.datetime
_real = {
    name: getattr(_time, name)
    for name in ("gmtime", "localtime", "ctime", "asctime", "strftime", "clock_gettime", "clock_gettime_ns")
}

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


class _StandsFor(type):
    """
    The class of a stand-in: real objects are its instances. A service's own subclass is a class like any other.
    """

    def __instancecheck__(cls, instance: Any) -> bool:
        real = _STANDS_FOR.get(cls)
        return super().__instancecheck__(instance) if real is None else isinstance(instance, real)

    def __subclasscheck__(cls, subclass: type) -> bool:
        real = _STANDS_FOR.get(cls)
        return super().__subclasscheck__(subclass) if real is None else issubclass(subclass, real)


class _Date(_real_date, metaclass=_StandsFor):
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _real_date.__new__(_STANDS_FOR.get(cls, cls), *args, **kwargs)

    @classmethod
    def today(cls) -> Any:
        return _STANDS_FOR.get(cls, cls).fromtimestamp(_micros // 1_000_000)


class _Datetime(_real_datetime, metaclass=_StandsFor):
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return _real_datetime.__new__(_STANDS_FOR.get(cls, cls), *args, **kwargs)

    @classmethod
    def now(cls, tz: _datetime.tzinfo | None = None) -> Any:
        # By way of integers: fromtimestamp(float) rounds.
        moment = _STANDS_FOR.get(cls, cls).fromtimestamp(_micros // 1_000_000, tz)
        return moment.replace(microsecond=_micros % 1_000_000)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(_datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()


_STANDS_FOR: dict[type, type[Any]] = {_Date: _real_date, _Datetime: _real_datetime}


def _date_of(*state: Any) -> _datetime.date:
    return _real_date(*state)


def _datetime_of(*state: Any) -> _datetime.datetime:
    return _real_datetime(*state)


def _reduced_date(day: _datetime.date) -> tuple[Any, Any]:
    return _date_of, day.__reduce_ex__(4)[1]


def _reduced_datetime(moment: _datetime.datetime) -> tuple[Any, Any]:
    return _datetime_of, moment.__reduce_ex__(4)[1]


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
    _time.clock_gettime_ns = lambda clock: (
        _micros * 1000 if clock == _time.CLOCK_REALTIME else _real["clock_gettime_ns"](clock)
    )
    for stand_in, real in _STANDS_FOR.items():
        stand_in.__name__ = stand_in.__qualname__ = real.__name__
        stand_in.__module__ = "datetime"
    _datetime.date = _Date  # type: ignore[misc]
    _datetime.datetime = _Datetime  # type: ignore[misc]
    # Pickle looks a class up by its name, and finds the stand-in there.
    copyreg.pickle(_real_date, _reduced_date)
    copyreg.pickle(_real_datetime, _reduced_datetime)
