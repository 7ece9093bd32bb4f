"""The gateway's hot path, as it is: what it returns, what it raises, whom it counts."""

import json
import time

import pytest

pytest.importorskip("limits")
pytest.importorskip("email_validator")

from gateway import hotpath, limiting
from gateway.refusals import InvalidRequest, RateLimited

JSON = (b"content-type", b"application/json")
ROUTES = {
    "v1": (hotpath.api_v1, b"/api/v1/x"),
    "v2": (hotpath.api_v2, b"/api/v2/x"),
    "repos": (hotpath.repos, b"/repos/x"),
    "webhook": (hotpath.webhook, b"/webhooks"),
}


class Clock:
    """A wall clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.25

    def time(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Every test starts with empty counters, at one moment."""
    limiting.storage.reset()
    clock = Clock()
    monkeypatch.setattr(time, "time", clock.time)
    yield clock
    limiting.storage.reset()


def page(path=b"/", query=b"", headers=(), peer="203.0.113.1"):
    return hotpath.page("GET", path, query, list(headers), peer, b"")


def login(peer="203.0.113.1"):
    return hotpath.login("POST", b"/wp-login.php", b"", [], peer, b"log=a&pwd=b")


def call(route, body=b"", headers=(JSON,), query=b""):
    decide, path = ROUTES[route]
    return decide("POST", path, query, list(headers), "203.0.113.1", body)


def rewritten(route, document):
    """The document after the route's rules; numbers as the text that stands in the body."""
    body = call(route, json.dumps(document).encode()).body
    return json.loads(body, parse_float=str)


def outcome(attempt):
    """None for accepted, else the limit that refused."""
    try:
        attempt()
    except RateLimited as refusal:
        return str(refusal.limit)
    return None


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"/", "/"),
        (b"", "/"),
        (b"*", "/*"),
        (b"//a///b", "/a/b"),
        (b"/a/./b/../c", "/a/c"),
        (b"/a/c/", "/a/c/"),
        (b"/a/.", "/a"),
        (b"/../../x", "/x"),
        (b"/%2e%2e/x", "/x"),
        (b"/a%2Fb", "/a/b"),
        (b"/%7Eu/a%20b+c", "/~u/a%20b+c"),
        (b"/caf%c3%a9/%e9", "/caf%C3%A9/%E9"),
        (b"/%252e/%zz", "/%252e/%25zz"),
        (b"/a#b%3F", "/a%23b%3F"),
        (b"/a;p=1/!$&'()*+,;=:@", "/a;p=1/!$&'()*+,;=:@"),
    ],
)
def test_path(raw, canonical):
    """A path has one spelling: decoded once, escaped alike, without empty and dot segments."""
    assert page(raw).path == canonical


@pytest.mark.parametrize("raw", [b"/a%252Fb//c/../d/", b"/%zz/%C3%A9", b"/a/%2e./b/."])
def test_path_idempotent(raw):
    """A canonical path is its own canonical path."""
    once = page(raw).path
    assert page(once.encode()).path == once


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"", ""),
        (b"b=2&a=1", "a=1&b=2"),
        (b"a=2&a=1", "a=1&a=2"),
        (b"a&b=", "a=&b="),
        (b"&&=x", "=x"),
        (b"a=%ff", "a=%EF%BF%BD"),
        (b"q=a+b%20c", "q=a+b+c"),
        (b"a;b=1", "a%3Bb=1"),
        (b"utm_source=x&gclid=1&fbclid&%75tm_y=1&p=1", "p=1"),
        (b"UTM_source=x&utm=1", "UTM_source=x&utm=1"),
    ],
)
def test_page_query(raw, canonical):
    """A page's query is sorted, escaped alike, and free of tracking parameters."""
    assert page(query=raw).query == canonical


def test_login_target_and_body():
    """A login's target is a page's; its body goes on as it came."""
    forward = hotpath.login("POST", b"//wp-login.php", b"utm_a=1&b=1&a=1", [], "203.0.113.1", b"log=a")
    assert forward == hotpath.Forward("POST", "/wp-login.php", "a=1&b=1", None)


def test_api_query_keeps_tracking_names():
    """An API's query is sorted; no name in it is ours to drop."""
    assert call("v1", query=b"utm_a=1&b=1&a=1").query == "a=1&b=1&utm_a=1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.1", ["198.51.100.1"], "203.0.113.1"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1, 198.51.100.2 , 127.0.0.9"], "198.51.100.2"),
        ("127.0.0.1", ["198.51.100.1", "198.51.100.2"], "198.51.100.2"),
        ("127.0.0.1", ["198.51.100.1, who, 127.0.0.9"], "127.0.0.9"),
        ("127.0.0.1", ["198.51.100.1:443"], "127.0.0.1"),
        ("127.0.0.1", ["127.0.0.7"], "127.0.0.7"),
        ("::1", ["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], "2001:db8:1:2::/64"),
        ("::ffff:127.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        (None, ["198.51.100.1"], "unknown"),
        ("testclient", [], "unknown"),
    ],
)
def test_client(peer, forwarded, client):
    """The client is the first hop that is not ours, seen from our side; IPv6 counts by /64."""
    page(headers=[(b"x-forwarded-for", line.encode()) for line in forwarded], peer=peer)
    assert f"LIMITER/pages/{client}/60/1/minute" in limiting.storage.events


def test_page_burst_then_minute(clock):
    """10/second is asked first; what it refuses does not reach 60/minute."""
    assert [outcome(page) for _ in range(12)] == [None] * 10 + ["10 per 1 second"] * 2
    for _ in range(5):
        clock.now += 2
        assert [outcome(page) for _ in range(10)] == [None] * 10
    clock.now += 2
    assert outcome(page) == "60 per 1 minute"


def test_refused_by_second_limit_consumes_first(clock):
    """A request that 60/minute refuses has used up 10/second."""
    for _ in range(6):
        assert [outcome(page) for _ in range(10)] == [None] * 10
        clock.now += 2
    assert [outcome(page) for _ in range(11)] == ["60 per 1 minute"] * 10 + ["10 per 1 second"]


def test_moving_window_is_inclusive(clock):
    """A hit still counts exactly one window later, and no longer after that."""
    clock.now = 1_700_000_000.0
    limiting.storage.timer.join()  # its sweep drops what is exactly one window old
    for _ in range(10):
        page()
    limiting.storage.timer.join()
    clock.now += 1
    with pytest.raises(RateLimited) as refused:
        page()
    assert refused.value.retry_after == 1
    clock.now += 0.001
    assert outcome(page) is None


def test_login_fixed_window(clock):
    """A login window starts at the first attempt and ends 60 s later, whatever was refused in it."""
    assert [outcome(login) for _ in range(7)] == [None] * 5 + ["5 per 1 minute"] * 2
    clock.now += 59.5
    with pytest.raises(RateLimited) as refused:
        login()
    assert refused.value.retry_after == 1
    clock.now += 0.5
    assert outcome(login) is None


def test_retry_after_rounds_up(clock):
    """The wait is whole seconds, never shorter than the real one."""
    for _ in range(5):
        login()
    clock.now += 0.25
    with pytest.raises(RateLimited) as refused:
        login()
    assert refused.value.retry_after == 60


def test_clients_do_not_share():
    """One client's quota is not another's."""
    assert [outcome(lambda n=n: login(f"203.0.113.{n}")) for n in range(20)] == [None] * 20


def test_api_limit_is_one_per_credential():
    """All APIs share one quota per credential; none is "anonymous"."""
    for route in ("v1", "v2", "repos") * 40:
        call(route)
    assert outcome(lambda: call("v1")) == "120 per 1 minute"
    assert outcome(lambda: call("v1", headers=[(b"authorization", b"")])) == "120 per 1 minute"
    assert outcome(lambda: call("v1", headers=[(b"authorization", b"Bearer \xe9")])) is None


def test_api_limit_stands_before_body():
    """Somebody over the limit is told so, whatever the body; a bad body has been counted."""
    for _ in range(120):
        with pytest.raises(InvalidRequest):
            call("v1", b"{")
    assert outcome(lambda: call("v1", b"{")) == "120 per 1 minute"


def test_webhook_limit_per_sender():
    """Webhooks are counted by the sender's hook id."""
    for _ in range(30):
        call("webhook")
    assert outcome(lambda: call("webhook")) == "30 per 1 minute"
    assert outcome(lambda: call("webhook", headers=[(b"x-github-hook-id", b"7")])) is None


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("content_type", [b"application/json", b"text/plain"])
def test_too_large(route, content_type):
    """A body of 1 MiB passes, one byte more does not, of whatever type."""
    headers = [(b"content-type", content_type)]
    largest = b'"' + b"a" * (1024 * 1024 - 2) + b'"'
    call(route, largest, headers)
    with pytest.raises(InvalidRequest) as refused:
        call(route, largest + b" ", headers)
    assert (refused.value.status, refused.value.code, refused.value.field) == (413, "too_large", None)


@pytest.mark.parametrize(
    "body",
    [b"{", b"{} {}", b"NaN", b"[Infinity]", b'{"a": "\xff"}', b"[" * 5000 + b"]" * 5000, b"9" * 4301],
)
def test_malformed(body):
    """What json does not read, or the writer cannot hold, is a 400 and nothing else."""
    with pytest.raises(InvalidRequest) as refused:
        call("v1", body)
    assert (refused.value.status, refused.value.code) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("content_type", "read"),
    [
        (b"application/json", True),
        (b"Application/JSON ; charset=utf-8", True),
        (b"text/json", True),
        (b"application/merge-patch+json", True),
        (b"application/jsonx", False),
        (b"application/x-www-form-urlencoded", False),
        (b"", False),
    ],
)
def test_which_bodies_are_read(content_type, read):
    """Only JSON is read; any other body, and an empty one, goes on as it came."""
    assert (call("v1", b"{}", [(b"content-type", content_type)]).body is not None) == read
    assert call("v1", b"", [(b"content-type", content_type)]).body is None


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (b'{"a":1.10,"b":1E5,"c":-0.0,"d":1e400}', b'{"a": 1.10, "b": 1E5, "c": -0.0, "d": 1e400}'),
        (b"[0.1000000000000000055511151231257827]", b"[0.1000000000000000055511151231257827]"),
        (b"[12345678901234567890123,-0]", b"[12345678901234567890123, 0]"),
        (b'{"a":1,"b":2,"a":3}', b'{"a": 3, "b": 2}'),
        (b'["\xc3\xa9\\/\x7f\\ud800\\u00e9"]', b'["\\u00e9/\\u007f\\ud800\\u00e9"]'),
        (b'\xef\xbb\xbf"x"', b'"x"'),
        ('["\u00e9"]'.encode("utf-16"), b'["\\u00e9"]'),
    ],
)
def test_json_text(body, written):
    """Bodies are written as json.dumps writes, with every float as it came."""
    forward = call("webhook", body)
    assert forward.body == written


FIELDS = [
    ("v1", "name", " e\u0301 ", "\u00e9"),
    ("v1", "name", 7, 7),
    ("v1", "tags", [" a ", 1, "b\u3000"], ["a", 1, "b"]),
    ("v1", "layout_type", " AUTO ", "ordered"),
    ("v1", "layout_type", "grid", "grid"),
    ("v1", "widgets", [{"definition": {"title_size": "16"}}, 3], [{"definition": {"title_size": 16}}, 3]),
    ("v1", "email", "A@EXAMPLE.com", "A@example.com"),
    ("v1", "source", None, None),
    ("v2", "data", {"type": "role"}, {"type": "roles"}),
    ("v2", "data", {"id": "{12345678123456781234567812345ABC}"}, {"id": "12345678-1234-5678-1234-567812345abc"}),
    ("v2", "data", {"id": "abc"}, {"id": "abc"}),
    ("v2", "data", {"attributes": {"priority": "p1"}}, {"attributes": {"priority": "P1", "origin": "gateway"}}),
    ("v2", "data", {"attributes": {"origin": None}}, {"attributes": {"origin": None}}),
    ("v2", "data", {"attributes": []}, {"attributes": []}),
    (
        "v2",
        "filter",
        {"from": "now-15m", "to": "2020-01-01T00:30:00.9999+01:00"},
        {"from": "now-15m", "to": "2019-12-31T23:30:00.999Z"},
    ),
    (
        "v2",
        "filter",
        {"from": "2020-01-01", "to": "0001-01-01T00:00+01:00"},
        {"from": "2020-01-01T00:00:00.000Z", "to": "0001-01-01T00:00+01:00"},
    ),
    ("repos", "key_id", " 1_000 ", 1000),
    ("repos", "key_id", "1.0", "1.0"),
    ("repos", "private", " Yes ", True),
    ("repos", "private", "maybe", "maybe"),
    ("repos", "private", 1, 1),
    ("repos", "state", "REOPENED", "open"),
    ("webhook", "repository", {"pushed_at": 1557933600, "id": "5"}, {"pushed_at": 1557933600, "id": 5}),
]


@pytest.mark.parametrize(("route", "key", "value", "becomes"), FIELDS)
def test_field(route, key, value, becomes):
    """A rule changes values of its own kind and leaves every other as it is."""
    assert rewritten(route, {key: value, "other": " x "})[key] == becomes


@pytest.mark.parametrize(
    ("literal", "written"),
    [
        ("1.005", "1.00"),
        ("1.015", "1.02"),
        ("2", "2.00"),
        ('" 1_000.5 "', "1000.50"),
        ("0.1249999999999999999999", "0.12"),
        ("-0.001", "-0.00"),
        ("1e25", "1" + "0" * 25 + ".00"),
        ('"NaN"', '"NaN"'),
        ('"abc"', '"abc"'),
        ("true", "true"),
        ("null", "null"),
    ],
)
def test_decimal(literal, written):
    """Two digits after the point, half to even, by no way of a float."""
    body = f'{{"options": {{"thresholds": {{"critical": {literal}}}}}, "source": 1}}'
    assert call("v1", body.encode()).body == body.replace(literal, written, 1).encode()


@pytest.mark.parametrize(
    ("route", "body", "code", "field"),
    [
        ("v1", '{"name": "%s"}' % ("a" * 501), "too_long", "name"),
        ("v1", '{"tags": ["a", "%s"]}' % ("a" * 201), "too_long", "tags[*]"),
        ("v1", '{"email": "nobody"}', "invalid_email", "email"),
        ("v1", '{"share_list": ["a@example.com", "\\ud800"]}', "invalid_email", "share_list[*]"),
        ("v1", '{"options": {"thresholds": {"critical": 1e26}}}', "invalid_decimal", "options.thresholds.critical"),
        ("v2", '{"data": {"attributes": {"rate": 1e99999999999999999999}}}', "invalid_decimal", "data.attributes.rate"),
        ("repos", '{"author": {"email": ""}, "title": "%s"}' % ("a" * 501), "too_long", "title"),
    ],
)
def test_refused_field(route, body, code, field):
    """The first rule of the table that refuses names its code and its path."""
    with pytest.raises(InvalidRequest) as refused:
        call(route, body.encode())
    assert (refused.value.status, refused.value.code, refused.value.field) == (422, code, field)


def test_text_is_measured_after_trimming():
    """A text may be as long as its normal form allows."""
    assert rewritten("v1", {"name": "  " + "e\u0301" * 500})["name"] == "\u00e9" * 500


def test_default_is_appended():
    """An absent key with a default stands last; everything else keeps its order."""
    assert call("v1", b'{"z": 1, "a": 2}').body == b'{"z": 1, "a": 2, "source": "gateway"}'
    assert call("repos", b"{}").body == b'{"auto_init": false}'


@pytest.mark.parametrize("body", [b"[1, 2]", b'"x"', b"null", b'[{"name": " x "}]'])
def test_root_that_is_no_object(body):
    """No rule has a place in it, so it is only written anew."""
    assert call("v1", body).body == body
