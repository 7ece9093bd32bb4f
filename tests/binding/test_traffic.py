"""Recorded traffic is read as what it is, or refused with its file and line. Samples are made up."""

import base64
import io
import json
import lzma
import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "shadow" / "traffic"))

import bring
import cassette
import convert
from cassette_samples import END, ONE


def body_read(body):
    return cassette.read((ONE.format(body=body) + END).encode(), "c.yaml")[0].body


def lines_of(requests):
    out = io.BytesIO()
    convert.write(requests, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("null", None),
        ("''", ""),
        ("'it''s'", "it's"),
        ("'a\n      b'", "a b"),
        ("'a\n\n      b'", "a\nb"),
        ("'a\n\n\n      '", "a\n\n"),
        ('\'{"a": "#: -"}\'', '{"a": "#: -"}'),
        ('"a\\\n      \\  b"', "a  b"),
        ('"a\n      b\\n"', "a b\n"),
        ('"\\xE9\\u2028\\U0001F600\\t\\"\\\\"', 'é\u2028😀\t"\\'),
        ("plain text\n      folded", "plain text folded"),
        ("!!binary |\n      /wA=", b"\xff\x00"),
    ],
)
def test_a_body_is_read_as_yaml_means_it(written, meant):
    """Quoting, folding and escapes of the narrow shape give what a YAML library would give."""
    assert body_read(written) == meant


def test_headers_keep_order_case_and_repeats():
    """The reader changes no header; an empty value is a value."""
    read = cassette.read((ONE.format(body="null") + END).encode(), "c.yaml")[0]
    assert read.headers == [("Accept", "*/*"), ("Accept", "text/plain; q=0.5"), ("x-empty", "")]
    assert read.uri == "https://api.example.com/v1/x?q=a%2Fb&b=%7e"


@pytest.mark.parametrize(
    ("change", "to", "line"),
    [
        ("body: null", "body: 'open", 3),
        ("body: null", "body: 'a' b", 3),
        ("body: null", "body: 12", 3),
        ("body: null", "body: yes", 3),
        ("body: null", "body: |\n      text", 3),
        ("body: null", "body: &anchor 'a'", 3),
        ("body: null", "body: a: b", 3),
        ("body: null", "body: a #b", 3),
        ("body: null", 'body: "\\q"', 3),
        ("body: null", 'body: "\\xZ1"', 3),
        ("body: null", 'body: "\\ud83d"', 3),
        ("body: null", "body: !!binary |\n      a", 3),
        ("body: null", "body: 'a\n  b'", 3),
        ("body: null", "body: 'a\rb'", 3),
        ("body: null", "body: 'a\tb'", 3),
        ("body: null", "body: 'a\u2028b'", 3),
        ("      - '*/*'", "      '*/*'", 6),
        ("x-empty", "Accept", 8),
        ("x-empty", "!x-empty", 8),
        ("x-empty", "on", 8),
        ("    method: POST", "    verb: POST", 10),
        ("method: POST", "method: post it", 10),
        ("code: 200", "code: soon", 21),
        ("version: 1\n", "version: 1\nmore: 1\n", 24),
        ("version: 1\n", "version: 2\n", 23),
        ("version: 1\n", "", 23),
    ],
)
def test_a_malformed_cassette_names_file_and_line(change, to, line):
    """What the reader does not know, it refuses with the place: it never guesses."""
    text = (ONE.format(body="null") + END).replace(change, to, 1)
    with pytest.raises(cassette.Refused, match=rf"^tests/c\.yaml:{line}: "):
        cassette.read(text.encode(), "tests/c.yaml")


def test_a_cassette_that_is_no_utf8_names_its_line():
    """Bytes that are no text are no cassette."""
    with pytest.raises(cassette.Refused, match=r"^c\.yaml:2: not UTF-8"):
        cassette.read(b"interactions:\n- \xff", "c.yaml")


def test_any_truncation_is_refused():
    """No prefix of a cassette passes for a whole one."""
    whole = (ONE.format(body="'a\n\n      b'") + END).encode()
    for size in range(len(whole)):
        with pytest.raises(cassette.Refused):
            cassette.read(whole[:size], "c.yaml")


def test_interactions_of_a_cassette_follow_each_other_by_a_millisecond():
    """The frozen time is the first request's time, and order survives the sort by time."""
    one = ONE.format(body="'{}'")
    text = one + one.removeprefix("interactions:\n").replace("POST", "DELETE") + END
    counts = Counter()
    rows = lines_of(convert.cassette(text.encode(), "2022-05-20T15:17:51.394Z", "c.yaml", counts))
    assert [(row["t"], row["method"]) for row in rows] == [
        ("2022-05-20T15:17:51.394Z", "POST"),
        ("2022-05-20T15:17:51.395Z", "DELETE"),
    ]
    assert rows[0]["headers"] == [
        ["host", "api.example.com"],
        ["accept", "*/*"],
        ["accept", "text/plain; q=0.5"],
        ["x-empty", ""],
    ]
    assert rows[0]["target"] == "/v1/x?q=a%2Fb&b=%7e"
    assert (rows[0]["client"], rows[0]["body"]) == (None, "{}")


def test_a_cassette_without_frozen_time_takes_the_recorded_date():
    """Without a frozen time the response's Date is the time; without both there is none, and that is an error."""
    text = ONE.format(body="null") + END
    rows = lines_of(convert.cassette(text.encode(), None, "c.yaml", Counter()))
    assert rows[0]["t"] == "2023-07-19T16:05:59.000Z"
    with pytest.raises(cassette.Refused, match=r"^c\.yaml: no time"):
        list(convert.cassette(text.replace("Date", "Server").encode(), None, "c.yaml", Counter()))
    with pytest.raises(cassette.Refused, match=r"^c\.frozen:1: no time: 'today'"):
        list(convert.cassette(text.encode(), "today", "c.yaml", Counter()))


def test_bytes_that_are_no_utf8_travel_as_base64():
    """A body that is no text loses no byte."""
    text = ONE.format(body="!!binary |\n      /wA=") + END
    counts = Counter()
    row = lines_of(convert.cassette(text.encode(), "2022-05-20T15:17:51Z", "c.yaml", counts))[0]
    assert "body" not in row
    assert base64.b64decode(row["body_b64"]) == b"\xff\x00"
    assert counts["body is not UTF-8"] == 1


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://h.example", "h.example", "/"),
        ("https://h.example?a=b", "h.example", "/?a=b"),
        ("http://h.example:8080//a/../b%2f?x=%41#frag", "h.example:8080", "//a/../b%2f?x=%41"),
        ("https://me:pw@h.example/a", "h.example", "/a"),
        ("<<HOSTNAME>>enterprise/stats", "<<HOSTNAME>>", "/enterprise/stats"),
        ('https://h.example/users/<LOGIN>/{id}"|\\', "h.example", '/users/<LOGIN>/{id}"|\\'),
        ("/only/path", None, "/only/path"),
        ("https:///none", None, "/none"),
        ("https://h.example/a b\té", "h.example", "/a%20b%09%C3%A9"),
    ],
)
def test_a_target_keeps_its_bytes(url, host, target):
    """Only bytes that no request line can hold are percent-encoded; odd ones stay."""
    assert convert.split_url(url, "f:1", Counter()) == (host, target)


def test_encoded_bytes_are_counted():
    """Whatever is changed on the way is in the summary."""
    counts = Counter()
    convert.split_url("https://h.example/a bé", "f:1", counts)
    assert convert.tally(counts) == {"byte percent-encoded in target": 3}


@pytest.mark.parametrize(
    ("payload", "hook"),
    [
        ({"repository": {"id": 7}, "organization": {"id": 8}}, "7"),
        ({"organization": {"id": 8}, "installation": {"id": 9}}, "8"),
        ({"repository": None, "installation": {"id": 9}}, "9"),
        ({"repository": {"id": "x"}}, "0"),
        ({"zen": "…"}, "0"),
        ([], "0"),
    ],
)
def test_a_webhook_takes_its_hook_id_from_its_payload(payload, hook):
    """A webhook without a repository still has a sender, if only 0."""
    counts = Counter()
    body = json.dumps(payload)
    row = lines_of([convert.webhook(2, "ping", body, "f:1", counts)])[0]
    assert row == {
        "t": "2024-01-01T00:00:02.000Z",
        "method": "POST",
        "target": "/webhooks",
        "client": None,
        "body": body,
        "headers": [["content-type", "application/json"], ["x-github-event", "ping"], ["x-github-hook-id", hook]],
    }
    assert counts["webhook without any id, sent as 0"] == (hook == "0")


def test_a_webhook_body_need_not_be_json():
    """A body is passed on as it is, whatever it is."""
    for body in (b"\xff", b"payload=1", b"[" * 100_000):
        row = lines_of([convert.webhook(0, "push", body, "f:1", Counter())])[0]
        assert (row["body"].encode() if "body" in row else base64.b64decode(row["body_b64"])) == body


def test_examples_are_written_readably_and_once():
    """Examples keep their characters and their key order; a word-for-word repeat is left out and counted."""
    counts, seen = Counter(), set()
    example = {"name": "é😀", "a": [1, 2.50, None]}
    definitions = [{"name": "ping", "examples": [example, example]}, {"name": "star", "examples": [example]}]
    got = list(convert.webhook_examples(definitions, seen, "p", counts))
    text = '{\n  "name": "é😀",\n  "a": [\n    1,\n    2.5,\n    null\n  ]\n}'
    assert got == [("ping", text), ("star", text)]
    assert counts["exact repeat, left out"] == 1
    with pytest.raises(cassette.Refused, match=r"^p: "):
        list(convert.webhook_examples([{"name": "ping"}], seen, "p", counts))


ROW = {"t": "2018-01-06T12:30:11", "method": "GET", "url": "https://h.example/a", "headers": [["Accept", "x"]]}


def test_a_folder_of_ones_own_is_added(tmp_path, monkeypatch):
    """Logs are copied byte for byte, API requests and webhooks converted, packed or not; the rest is named."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    log = b'h - - [x] "GET /\xff HTTP/1.0" 200 1 "-" "-"\nlast line without end'
    (folder / "a.log.xz").write_bytes(lzma.compress(log))
    (folder / "b.log").write_bytes(log)
    rows = [
        {"event": "ping", "body": "{}"},
        ROW,
        {**ROW, "method": "PUT"},
        {"event": "star", "body": "{}"},
        {**ROW, "t": "Mon, 01 Jan 2018 00:00:00 GMT", "body_b64": "/w=="},
    ]
    (folder / "c.jsonl.xz").write_bytes(lzma.compress(b"\n".join(json.dumps(row).encode() for row in rows)))
    (folder / "README.md").write_text("about")
    summaries, ignored = bring.added(folder, out, {})
    assert ignored == ["README.md"]
    assert [(one["file"], one["format"], one["records"]) for one in summaries] == [
        ("a.log", "combined", 2),
        ("b.log", "combined", 2),
        ("c.jsonl", "jsonl", 5),
    ]
    assert (out / "a.log").read_bytes() == (out / "b.log").read_bytes() == log
    written = [json.loads(line) for line in (out / "c.jsonl").read_text().splitlines()]
    assert [(row["t"], row["method"]) for row in written] == [
        ("2018-01-01T00:00:00.000Z", "GET"),
        ("2018-01-06T12:30:11.000Z", "GET"),
        ("2018-01-06T12:30:11.001Z", "PUT"),
        ("2024-01-01T00:00:00.000Z", "POST"),
        ("2024-01-01T00:00:01.000Z", "POST"),
    ]
    assert summaries[2]["counts"]["time without zone, read as UTC"] == 2


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{",
        b"{}",
        b'{"url":1,"method":"GET","t":1}',
        b'{"url":"/a","method":"GET"}',
        b"\xff",
        b'{"url":"/a","event":"ping"}',
        b'{"url":"/a","method":"GET","t":"tomorrow"}',
        b'{"event":"ping"}',
        b'{"url":"/a","method":"GET","t":true}',
        b'{"url":"/a","method":"GET","t":1,"headers":[["a"]]}',
        b'{"url":"/a","method":"GET","t":1,"headers":{"a":"b"}}',
        b'{"url":"/a","method":"GET","t":1,"body":{}}',
        b'{"url":"/a","method":"GET","t":1,"body_b64":"x"}',
        b'{"url":"/a","method":"GET","t":1,"headers":[["a","\\n"]]}',
        b'{"url":"/\\ud800","method":"GET","t":1}',
        b"[" * 100_000,
    ],
)
def test_a_malformed_line_names_file_and_line(line):
    """No line is skipped: what is neither a request nor a webhook is an error with its place."""
    good = json.dumps(ROW).encode()
    with pytest.raises(cassette.Refused, match=r"^c\.jsonl:2: "):
        list(convert.json_lines([good, line], "c.jsonl", Counter()))


def test_a_broken_folder_is_an_error(tmp_path):
    """Damaged, ambiguous, empty or missing input stops the run and leaves no half-written file."""
    out = tmp_path / "out"
    out.mkdir()
    for number, (files, why) in enumerate(
        [
            ({"a.log.xz": lzma.compress(b"x" * 9999)[:-20]}, "broken xz"),
            ({"a.log.xz": b"no xz"}, "broken xz"),
            ({"a.log": b"", "a.log.xz": lzma.compress(b"")}, "rename one"),
            ({"README.md": b""}, "holds no"),
        ]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        with pytest.raises(cassette.Refused, match=why):
            bring.added(folder, out, {})
    with pytest.raises(cassette.Refused, match="is no folder"):
        bring.added(tmp_path / "missing", out, {})
    assert [path.name for path in out.iterdir()] == ["a.log"]  # the first, whole one of the ambiguous pair
