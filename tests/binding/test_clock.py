"""
The wall clock that stands still while a control is replayed: exact for every stamp, and only the wall clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# A process of its own, as a control worker is one: the clock stays stopped in it.
BEGIN = """
import random
from crossfade import _clock
_clock.install()
import calendar, copy, datetime as module, functools, pickle, time
from datetime import date, datetime, timedelta, timezone
from time import time as bound, time_ns as bound_ns
REAL, REAL_DATE = _clock._real_datetime, _clock._real_date
EPOCH = REAL(1970, 1, 1, tzinfo=timezone.utc)
random.seed(7)
"""

LAWS = {
    "time is micros / 1e6, to the bit, for any stamp": """
for _ in range(100_000):
    micros = random.randrange(0, 4_102_444_800_000_000)
    _clock.stand_at(micros)
    assert time.time() == bound() == micros / 1e6
    assert time.time_ns() == bound_ns() == micros * 1000
    assert time.clock_gettime(time.CLOCK_REALTIME) == micros / 1e6
    assert time.clock_gettime_ns(time.CLOCK_REALTIME) == micros * 1000
""",
    "datetimes are exact to the microsecond": """
zone = timezone(timedelta(hours=5, minutes=30))
for _ in range(20_000):
    micros = random.randrange(0, 4_102_444_800_000_000)
    _clock.stand_at(micros)
    moment = EPOCH + timedelta(microseconds=micros)
    assert datetime.now(timezone.utc) == moment == datetime.now(tz=zone)
    assert datetime.now(zone).utcoffset() == timedelta(hours=5, minutes=30)
    assert datetime.utcnow() == moment.replace(tzinfo=None)
    local = moment.astimezone().replace(tzinfo=None)
    assert datetime.now() == datetime.today() == local
    assert date.today() == local.date() == module.date.today()
    assert module.datetime.now() == local
""",
    "a repeated hour is told apart as the real clock does": """
for seconds in (1698537600, 1698541200):
    _clock.stand_at(seconds * 1_000_000 + 5)
    assert datetime.now() == REAL.fromtimestamp(seconds).replace(microsecond=5)
    assert datetime.now().fold == REAL.fromtimestamp(seconds).fold
assert datetime.now().fold == 1 and datetime.today().fold == 1
""",
    "functions that default to now do so, and others are left alone": """
_clock.stand_at(1_700_000_000_999_999)
local = time.localtime()
assert calendar.timegm(time.gmtime()) == calendar.timegm(local) - local.tm_gmtoff == 1_700_000_000
assert time.strftime("%s") == "1700000000" and time.strftime("%Y", time.gmtime(0)) == "1970"
assert time.ctime() == time.ctime(1_700_000_000) and time.asctime() == time.asctime(time.localtime())
assert time.gmtime(5).tm_sec == 5 and time.asctime(time.gmtime(0)).endswith("1970")
""",
    "monotonic clocks run on": """
_clock.stand_at(1_700_000_000_000_000)
for clock in (time.monotonic, time.perf_counter, lambda: time.clock_gettime(time.CLOCK_MONOTONIC),
              time.monotonic_ns, time.perf_counter_ns, lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC)):
    begin, end = clock(), time.monotonic() + 0.002
    while time.monotonic() < end: pass
    assert clock() > begin
begin = time.monotonic()
time.sleep(0.01)
assert time.monotonic() - begin >= 0.01 and time.time() == 1_700_000_000
""",
    "what the stand-ins make are real objects": """
_clock.stand_at(1_700_000_000_123_456)
made = [datetime(2024, 2, 29, 1, tzinfo=timezone.utc), datetime.now(), datetime.utcnow(),
    datetime.fromisoformat("2024-02-29"), datetime.strptime("2024", "%Y"),
    datetime.combine(date(2024, 1, 1), module.time(3)), datetime.fromtimestamp(0),
    datetime.fromtimestamp(0, timezone.utc), datetime.utcfromtimestamp(0), datetime.fromordinal(738000),
    datetime.fromisocalendar(2024, 1, 1), datetime.min, datetime.max, datetime.now() + timedelta(1)]
assert {type(moment) for moment in made} == {REAL}
days = [date(2024, 2, 29), date.today(), date.fromisoformat("2024-02-29"), date.fromordinal(738000),
    date.fromtimestamp(0),
    date.fromisocalendar(2024, 1, 1), datetime.now().date(), date.min]
assert {type(day) for day in days} == {REAL_DATE}
assert repr(made[0]) == "datetime.datetime(2024, 2, 29, 1, 0, tzinfo=datetime.timezone.utc)"
assert made[0] - datetime.now(timezone.utc) > timedelta(0) and REAL.now() != datetime.now()
assert datetime(2024, 1, 1) == REAL(2024, 1, 1) and {REAL(2024, 1, 1): 1}[datetime(2024, 1, 1)] == 1
""",
    "instances are told as ever": """
moment, day = REAL(2024, 1, 1), REAL_DATE(2024, 1, 1)
assert isinstance(moment, datetime) and isinstance(moment, date)
assert isinstance(day, date) and not isinstance(day, datetime)
assert issubclass(REAL, datetime) and issubclass(datetime, date) and issubclass(REAL, date)
assert not issubclass(REAL_DATE, datetime)
assert isinstance(datetime.now(), REAL) and not isinstance("2024", date) and not issubclass(str, datetime)
match moment:
    case datetime(year=2024): pass
    case _: raise AssertionError
@functools.singledispatch
def kind(value): return "other"
@kind.register
def _(value: datetime): return "datetime"
assert kind(moment) == "datetime" and kind(day) == "other"
assert datetime.__name__ == "datetime" and datetime.__module__ == "datetime"
""",
    "a service's own subclass is a class like any other": """
class Moment(datetime):
    pass
_clock.stand_at(1_700_000_000_123_456)
mine = Moment.now(timezone.utc)
assert type(mine) is Moment and mine == EPOCH + timedelta(microseconds=1_700_000_000_123_456)
assert type(Moment(2024, 1, 1)) is Moment and type(Moment.utcnow()) is Moment and type(Moment.today()) is Moment
assert isinstance(mine, Moment) and isinstance(mine, datetime) and not isinstance(REAL(2024, 1, 1), Moment)
assert issubclass(Moment, datetime) and not issubclass(REAL, Moment)
""",
    "copies and pickles come back as they were": """
zone = timezone(timedelta(hours=1))
zoned = REAL(2024, 1, 1, 2, 3, 4, 5, zone, fold=1)
for value in (zoned, REAL(2024, 1, 1), REAL_DATE(2024, 1, 1), {"a": [datetime.now()]}):
    for copied in [copy.copy(value), copy.deepcopy(value), *(pickle.loads(pickle.dumps(value, p)) for p in range(6))]:
        assert copied == value and type(copied) is type(value)
        assert getattr(copied, "tzinfo", 0) == getattr(value, "tzinfo", 0)
assert pickle.loads(pickle.dumps(REAL(2024, 1, 1, fold=1))).fold == 1
""",
    "libraries read the standing clock": """
_clock.stand_at(1_700_000_000_000_000)
import email.utils, http.cookiejar, logging
assert email.utils.formatdate(usegmt=True) == "Tue, 14 Nov 2023 22:13:20 GMT"
assert http.cookiejar.time2netscape() == "Tue, 14-Nov-2023 22:13:20 GMT"
assert logging.LogRecord("a", 1, "b", 1, "c", (), None).created == 1_700_000_000
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
limiter = FixedWindowRateLimiter(MemoryStorage())
assert limiter.hit(parse("1/minute"), "a") and not limiter.hit(parse("1/minute"), "a")
assert limiter.get_window_stats(parse("1/minute"), "a").reset_time == 1_700_000_060
""",
}


@pytest.mark.parametrize("law", LAWS)
def test_the_clock_stands(law):
    """
    Each of the laws above, in a process whose clock stands still.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT / "python"), "TZ": "Europe/London", "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + LAWS[law]], env=environment, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_a_clock_that_was_not_stopped_is_noticed():
    """
    A worker whose clock still runs refuses to answer.
    """
    from crossfade import _clock

    with pytest.raises(AssertionError, match="install"):
        _clock.stand_at(1_000_000)
