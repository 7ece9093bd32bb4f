"""
The main job: recorded real traffic through the gateway's own hot path and the candidate.

Brings what `make demo` brings, and what CROSSFADE_TRAFFIC adds. Without the long blog log the claims about it are not
made; CI has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
POLICY = ROOT / "python" / "gateway" / "crossfade.toml"
BINARY = os.environ.get("CROSSFADE_BIN", str(ROOT / "target" / "debug" / "crossfade"))
LONG_LOG = "blog-access.log"


@dataclass(frozen=True)
class Capture:
    """Imported traffic, and how many records it holds."""

    folder: Path
    records: int
    sources: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Capture:
    work = tmp_path_factory.mktemp("traffic")
    subprocess.run([sys.executable, ROOT / "shadow/traffic/bring.py", work / "traffic"], check=True, stdout=2)
    sources = json.loads((work / "traffic" / "summary.json").read_text())["sources"]
    for source in sources:
        imported(work / "captures", source["format"], work / "traffic" / source["file"])
    records = sum(source["records"] for source in sources)
    return Capture(work / "captures", records, {source["file"]: source for source in sources})


@pytest.fixture(scope="module")
def report(captures: Capture, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    code, report, printed = replay(captures.folder, POLICY, tmp_path_factory.mktemp("report"))
    print(printed)
    assert code == 0, printed
    return report


@pytest.fixture(scope="module")
def small(captures: Capture, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A capture that meets every kind of limit and rule, small enough to replay many times.
    """
    folder = tmp_path_factory.mktemp("small") / "captures"
    traffic = captures.folder.parent / "traffic"
    for name, most in {"datadog.jsonl": 1_500, "webhooks.jsonl": 200, "logstalgia.log": 1_500}.items():
        part = folder.parent / name
        with (traffic / name).open("rb") as lines:
            part.write_bytes(b"".join(line for _, line in zip(range(most), lines, strict=False)))
        imported(folder, captures.sources[name]["format"], part)
    attacks = folder.parent / "attacks.jsonl"
    attacks.write_text("".join(json.dumps(request) + "\n" for request in login_attempts()))
    imported(folder, "jsonl", attacks)
    return folder


def test_every_record_ends_in_one_verdict(captures: Capture, report: dict[str, Any]) -> None:
    """
    The verdicts of all routes add up to the number of records.
    """
    verdicts = [sum(route["verdicts"].values()) for route in report["routes"]]

    # A line of a log that is no request is reported by the import and is no record.
    assert captures.records - 1 <= report["exchanges"] <= captures.records
    assert sum(verdicts) == report["exchanges"]


def test_nothing_is_unexplained(report: dict[str, Any]) -> None:
    """
    Outcome, charges, retry-after and every byte of the normalised request are the same on both sides.
    """
    assert report["unexplained"] == 0
    assert report["mismatches"] == []
    assert report["totals"]["failed"] == 0
    assert all(route["unreported"] == {"charges": 0, "retry_after": 0} for route in report["routes"] if route["route"])


def test_the_candidate_judges_nearly_all(report: dict[str, Any]) -> None:
    """
    On no route is more than one request in fifty unsupported.
    """
    shares = {
        route["route"]: route["verdicts"]["unsupported"] / route["exchanges"]
        for route in report["routes"]
        if route["exchanges"]
    }

    assert {name: share for name, share in shares.items() if share > 0.02} == {}


def test_each_rule_is_exercised_or_listed(report: dict[str, Any]) -> None:
    """
    A rule that changed fewer than 20 recorded values is listed as unexercised.
    """
    listed = {(row["route"], row["name"], row["operation"]) for row in report["unexercised"]}
    weak = {
        (route["route"], rule["place"], rule["operation"])
        for route in report["routes"]
        for rule in route["rules"]
        if rule["exercised"] < 20 and route["exchanges"]
    }

    assert weak <= listed


def test_limits_bite_and_agree(captures: Capture, report: dict[str, Any]) -> None:
    """
    On the long log more than a thousand requests are refused by 10/second and by 5/minute, with the same limit, key and
    retry-after on both sides.
    """
    if LONG_LOG not in captures.sources:
        pytest.skip("CROSSFADE_TRAFFIC does not bring the long log")
    refusals = {
        limit["limit"]: limit["refusals"]
        for route in report["routes"]
        if route["route"] in ("blog.page", "login")
        for limit in route["limits"]
    }

    assert refusals["pages-burst"] > 1_000
    assert refusals["login"] > 1_000


def test_one_worker_and_many_agree(small: Path, tmp_path: Path) -> None:
    """
    The verdicts do not depend on how many control workers there are.
    """
    reports = []
    for workers in ("1", "3"):
        code, report, printed = replay(small, POLICY, tmp_path, "--workers", workers)
        assert code == 0, printed
        reports.append([{**route, "latency": None} for route in report["routes"]])

    assert reports[0] == reports[1]


MUTATIONS = {
    "a limit changed by one": ('rate     = "5/minute"', 'rate     = "6/minute"', "login", "login"),
    "a burst changed by one": ('rate     = "10/second"', 'rate     = "11/second"', "blog.page", "pages-burst"),
    "a field rule removed": (
        '"repository.created_at"          = {',
        '# "repository.created_at"          = {',
        "webhooks",
        "$.repository.created_at",
    ),
    "steps reordered": (
        'limits = ["pages-burst", "pages"]',
        'limits = ["pages", "pages-burst"]',
        "blog.page",
        "charges",
    ),
    "a key changed": ('["literal:login", "client"]', '["literal:logins", "client"]', "login", "charges"),
}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_changed_policy_is_found(mutation: str, small: Path, tmp_path: Path) -> None:
    """
    A policy that is not what the service does makes the replay exit 3, and the report names the route, the place and
    the count.
    """
    before, after, route, place = MUTATIONS[mutation]
    text = POLICY.read_text()
    assert text.count(before) == 1
    policy = tmp_path / "crossfade.toml"
    policy.write_text(text.replace(before, after))

    code, report, printed = replay(small, policy, tmp_path)

    assert code == 3, printed
    groups = [group for group in report["mismatches"] if group["route"] == route]
    assert groups, printed
    assert any(place in json.dumps(group) for group in groups), groups
    assert all(group["count"] > 0 for group in groups)
    assert route in printed


def test_strictness_is_measured_before_it_bites(small: Path, tmp_path: Path) -> None:
    """
    Checks that the service does not have are observed: nothing differs, and the report says how often each would have
    refused. Enforced, the same checks refuse just as many.
    """
    strict = POLICY.read_text().replace(
        'query = { sort = "pair", space = "+" }',
        'query = { sort = "pair", space = "+", duplicates = "reject", max_params = 2 }',
    )
    assert strict != POLICY.read_text()
    codes = ["duplicate_parameter", "too_many_parameters"]
    watched = "rollout = { " + ", ".join(f'{code} = "observe"' for code in codes) + " }\n\n[defaults.target]"
    observing, enforcing = tmp_path / "observing.toml", tmp_path / "enforcing.toml"
    enforcing.write_text(strict)
    observing.write_text(strict.replace("[defaults.target]", watched))

    code, report, printed = replay(small, observing, tmp_path)
    remarks = {route["route"]: route["remarks"] for route in report["routes"] if route["remarks"]}
    assert (code, report["unexplained"]) == (0, 0), printed
    assert remarks
    assert "not enforced" in printed

    code, report, printed = replay(small, enforcing, tmp_path)
    refused = {
        route["route"]: sum(count for name, count in route["outcomes"]["candidate"].items() if name[8:] in codes)
        for route in report["routes"]
    }
    assert code == 3, "the control accepts what is refused now"
    # One request can meet both; it is refused once.
    assert all(max(remarks[route].values()) <= refused[route] <= sum(remarks[route].values()) for route in remarks), (
        remarks,
        refused,
    )


def replay(capture: Path, policy: Path, folder: Path, *more: str) -> tuple[int, dict[str, Any], str]:
    out = folder / "report.json"
    command = [BINARY, "replay", str(capture), "--policy", str(policy), "--control", "gateway.wiring:seam"]
    command += ["--python", sys.executable, "--json", str(out), "--html", str(folder / "report.html"), *more]
    environment = os.environ | {"CROSSFADE_STATE": str(folder / "state")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    return done.returncode, json.loads(out.read_text()) if out.exists() else {}, done.stdout + done.stderr


def imported(folder: Path, form: str, file: Path) -> None:
    command = [BINARY, "capture", "import", "--format", form, str(file), "-o", str(folder), "--max-bad", "1"]
    subprocess.run(command, check=True, capture_output=True)


def login_attempts() -> list[dict[str, Any]]:
    """Twelve clients that try a password every three seconds for three minutes."""
    return [
        {
            "t": 1_456_000_000_000_000 + second * 1_000_000,
            "method": "POST",
            "target": "/wp-login.php" if client % 2 else "/xmlrpc.php?rsd",
            "headers": [["user-agent", "x"]],
            "client": f"10.9.0.{client}",
            "body": None,
        }
        for second in range(0, 180, 3)
        for client in range(12)
    ]
