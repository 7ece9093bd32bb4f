"""
`crossfade replay` as a user runs it, against a control that is nobody's service and can be wrong in chosen ways.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FAKE = Path(__file__).parent / "fixtures" / "fake_control.py"
START = 1_767_225_600_000_000
EXCHANGES = 260
SECRETS = ["correct-horse", "battery-staple", "10.0.7."]
HOSTILE = "<script>alert(1)</script>"

POLICY = """
version = 1

[client]
trusted_proxies = []
ipv6_prefix = 64

[store]
url = "memory://"

[limits.per-client]
key = ["client"]
rate = "3/minute"
strategy = "fixed-window"

[[route]]
name = "api"
match = ["POST /api/{rest*}"]
limits = ["per-client"]

[route.json]
output = "python"

[route.json.fields]
"name" = { text = ["trim"], wrong_type = "keep" }
"unused" = { text = ["trim"], wrong_type = "keep" }

[[route.known_difference]]
id = "id-case"
field = "$.id"
rule = "ascii-case"
reason = "compared without case behind"
owner = "orders"
expires = 2026-06-30
budget = BUDGET

[[route]]
name = "free"
match = ["GET /free/{rest*}"]
"""


@pytest.fixture(scope="session")
def crossfade() -> Path:
    """The native binary; `make build` makes it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binary = Path(os.environ.get("CROSSFADE_BIN", target / "debug" / "crossfade"))
    assert binary.exists(), f"{binary} is not there: cargo build -p crossfade-cli"
    return binary


def record(index: int) -> dict[str, Any]:
    moment = {"t": START + index * 300_017, "client": f"10.0.7.{index % 23}", "headers": []}
    if index % 13 == 0:
        return moment | {"method": "GET", "target": f"/free/{index}", "body": None}
    if index % 41 == 0:
        return moment | {"method": "GET", "target": "/nobody/knows", "body": None}
    body = {"name": f" correct-horse {index % 5} ", "id": "battery-staple", "x": HOSTILE, "n": index}
    headers = [["content-type", "application/json"]]
    return moment | {
        "method": "POST",
        "target": f"/api/things/{index % 7}",
        "headers": headers,
        "body": json.dumps(body),
    }


class Replay:
    """A capture, a policy, and runs over them."""

    def __init__(self, crossfade: Path, directory: Path) -> None:
        self.crossfade = crossfade
        self.capture = directory / "capture"
        self.policy = directory / "crossfade.toml"
        self.report = directory / "report.json"
        self.page = directory / "report.html"
        self.write_policy()
        lines = directory / "traffic.jsonl"
        lines.write_text("".join(json.dumps(record(index)) + "\n" for index in range(EXCHANGES)))
        command = [crossfade, "capture", "import", "--format", "jsonl", lines, "-o", self.capture]
        subprocess.run(command, check=True, capture_output=True)

    def write_policy(self, budget: float = 1.0, **replace: str) -> None:
        text = POLICY.replace("BUDGET", str(budget))
        for old, new in replace.items():
            assert old in text
            text = text.replace(old, new)
        self.policy.write_text(text)

    def run(self, how: str | None, *arguments: str, today: str = "2026-06-30") -> subprocess.CompletedProcess[str]:
        command = [self.crossfade, "replay", self.capture, "--policy", self.policy, "--today", today]
        command += ["--json", self.report, "--html", self.page, "--python", FAKE]
        if how is not None:
            command += ["--control", f"fake:{how}"]
        run = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
        self.output = run.stdout + run.stderr
        return run

    def found(self) -> dict[str, Any]:
        return json.loads(self.report.read_text())


@pytest.fixture
def replay(crossfade: Path, tmp_path: Path) -> Replay:
    return Replay(crossfade, tmp_path)


def essence(report: dict[str, Any]) -> dict[str, Any]:
    """What must not depend on how a replay was run: everything but times, hashes and how."""
    kept = {name: report[name] for name in ("exchanges", "judged", "unexplained", "totals", "known", "unexercised")}
    routes = [{name: value for name, value in route.items() if name != "latency"} for route in report["routes"]]
    groups = [
        {name: group[name] for name in ("route", "place", "kind", "limit", "count", "keys", "first_seen", "last_seen")}
        for group in report["mismatches"]
    ]
    return kept | {"routes": routes, "mismatches": groups}


def test_what_is_equal_is_proven(replay: Replay) -> None:
    """A control that does what the policy says leaves nothing unexplained, and the totals add up to the records."""
    run = replay.run("honest")
    assert run.returncode == 0, replay.output
    report = replay.found()
    assert report["schema"] == "crossfade.replay/1"
    assert report["proven"]
    assert report["exchanges"] == EXCHANGES == sum(report["totals"].values())
    for route in report["routes"]:
        assert route["exchanges"] == sum(route["verdicts"].values())
    api, free, nobody = report["routes"]
    assert api["verdicts"]["match"] == api["exchanges"] > 200
    assert api["outcomes"]["control"] == api["outcomes"]["candidate"]
    assert api["outcomes"]["control"]["limited:per-client"] > 20
    assert free["verdicts"]["match"] == free["exchanges"] == 20
    assert nobody["not_judged"] == {"passed_through": nobody["exchanges"]}
    assert {"route": "api", "what": "rule", "name": "unused", "operation": "text", "changed": 0} in report[
        "unexercised"
    ]
    assert "proven for what was judged: nothing unexplained" in run.stdout


@pytest.mark.parametrize("how", ["honest", "off-by-one", "no-trim", "upper", "joins", "silent", "raises", "outside"])
def test_one_and_several_workers_agree(replay: Replay, how: str) -> None:
    """The verdicts do not depend on how many workers the control has, whatever it does."""
    alone = replay.run(how, "--workers", "1").returncode
    report = essence(replay.found())
    assert replay.run(how, "--workers", "3").returncode == alone, replay.output
    assert essence(replay.found()) == report
    assert bool(replay.found()["serial"]) == (how in {"joins", "silent"})


def test_a_limit_off_by_one_is_named(replay: Replay) -> None:
    """A limit that differs by one is found, with the route, the limit and the count."""
    run = replay.run("off-by-one")
    assert run.returncode == 3, replay.output
    (group,) = [g for g in replay.found()["mismatches"] if g["kind"] == "outcome"]
    assert (group["route"], group["place"], group["limit"]) == ("api", "outcome", "per-client")
    assert group["count"] == replay.found()["totals"]["mismatch"] > 0
    assert group["keys"] <= 23
    assert re.search(r"mismatch +api outcome \(outcome, limit per-client\): \d+ exchanges", run.stdout)
    assert group["reproduce"].endswith("--control fake:off-by-one --only api")


def test_a_field_is_named(replay: Replay) -> None:
    """A field rule that the control does not have is found at its field."""
    assert replay.run("no-trim").returncode == 3, replay.output
    assert [(g["route"], g["place"], g["kind"]) for g in replay.found()["mismatches"]] == [("api", "$.name", "value")]


def test_exceptions_and_answers_of_its_own(replay: Replay) -> None:
    """An exception that is no outcome is a mismatch, without its text; an answer outside the policy is not judged."""
    assert replay.run("raises").returncode == 3, replay.output
    (group,) = replay.found()["mismatches"]
    assert (group["kind"], group["example"]["control"]) == ("raised", "raised:builtins.KeyError")
    assert "secret-in-message" not in replay.output + replay.page.read_text() + replay.report.read_text()
    assert replay.run("outside").returncode == 0, replay.output
    assert replay.found()["routes"][0]["not_judged"]["outside"] > 0


def test_silence_about_charges_is_no_match(replay: Replay) -> None:
    """A control that does not say what it counted matches nothing on a route with limits."""
    replay.run("silent")
    api, free, _ = replay.found()["routes"]
    limited = api["outcomes"]["control"]["limited:per-client"]
    assert api["verdicts"]["match"] == limited
    assert api["not_judged"] == {"charges_not_reported": api["exchanges"] - limited}
    assert free["verdicts"]["match"] == free["exchanges"]


@pytest.mark.parametrize(
    ("budget", "today", "standing", "code"),
    [
        (1.0, "2026-06-30", "live", 0),
        (1.0, "2026-07-01", "expired", 3),
        (0.01, "2026-06-30", "over_budget", 3),
    ],
)
def test_known_differences_end(replay: Replay, budget: float, today: str, standing: str, code: int) -> None:
    """A known difference explains up to its last day and its budget; after that it is a mismatch that says why."""
    replay.write_policy(budget=budget)
    run = replay.run("upper", today=today)
    assert run.returncode == code, replay.output
    (known,) = replay.found()["known"]
    totals = replay.found()["totals"]
    assert known["standing"] == standing
    assert known["used"] == totals["known" if code == 0 else "mismatch"] > 100
    if code:
        (group,) = replay.found()["mismatches"]
        assert group["not_explained_by"] == {"id": "id-case", "standing": standing}
        assert "id-case would explain it" in run.stdout


def test_without_a_control_nothing_is_proven(replay: Replay) -> None:
    """The candidate alone is run and shown, and proves nothing."""
    run = replay.run(None)
    assert run.returncode == 3, replay.output
    assert replay.found()["totals"]["not_judged"] == EXCHANGES
    assert "nothing was judged: the candidate ran alone" in run.stdout
    assert replay.found()["routes"][0]["latency"]["candidate"]["count"] > 200


def test_one_route_alone_has_the_same_verdicts(replay: Replay) -> None:
    """--only reports one route, with the verdicts that it has among the others."""
    replay.run("off-by-one")
    whole = essence(replay.found())
    replay.run("off-by-one", "--only", "api")
    part = essence(replay.found())
    assert part["routes"] == whole["routes"][:1]
    assert part["mismatches"] == whole["mismatches"]
    assert replay.run("honest", "--only", "nothing").returncode == 2


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("dies", r"exchange \d+ \(worker 0, sequence \d+, .*\): the control worker ended \(exit status: 7\)"),
        ("hangs", r"exchange \d+ .*: the control worker did not answer within 1 s"),
        ("garbage", r"the control worker wrote what is no answer: frame of \d+ bytes"),
        ("no-import", r"the control cannot be imported: ModuleNotFoundError: No module named 'orders'"),
        ("other-version", r"frames of version 2, this binary of version 1"),
    ],
)
def test_a_control_that_cannot_go_on_is_an_error(replay: Replay, how: str, message: str) -> None:
    """A worker that dies, hangs or answers garbage ends the replay with what happened and at which exchange."""
    run = replay.run(how, "--workers", "2", *(["--patience", "1"] if how == "hangs" else []))
    assert run.returncode == 1, replay.output
    assert re.search(message, run.stderr), run.stderr
    assert not replay.report.exists()


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("shown", [False, True])
def test_values_are_shown_only_on_request(replay: Replay, shown: bool) -> None:
    """A report holds no client's value unless it is asked to; then it is escaped, and the page loads nothing."""
    replay.write_policy(**{'"name" = { text': '"n" = { text'})
    assert replay.run("honest", *(["--show-values"] if shown else [])).returncode == 3, replay.output
    text = replay.page.read_text()
    everything = replay.output + replay.report.read_text() + text
    assert ("correct-horse" in everything) == shown
    if not shown:
        assert [secret for secret in SECRETS if secret in everything] == []
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object", "base", "form", "a"})
    assert page.attributes.isdisjoint({"src", "href", "onload", "onclick"})
    assert HOSTILE not in text


def test_a_hostile_value_is_escaped(replay: Replay) -> None:
    """Markup in a captured body is text on the page."""
    replay.write_policy(**{'"name" = { text = ["trim"]': '"x" = { enum = { safe = ["<script>alert(1)</script>"] }'})
    assert replay.run("honest", "--show-values").returncode == 3, replay.output
    assert "&lt;script&gt;alert(1)" in replay.page.read_text()
    assert HOSTILE not in replay.page.read_text()
