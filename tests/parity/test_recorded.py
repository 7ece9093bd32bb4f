"""Recorded requests with bodies, through the gateway's own policy: the candidate says what the oracle says."""

from __future__ import annotations

import json
import lzma
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from built import ROOT
from parity.candidate import Candidate, Question
from parity.oracle import Oracle
from parity.whole import START, said

TRAFFIC = os.environ.get("CROSSFADE_TRAFFIC")

# Microseconds between two requests, so that no limit is what decides.
APART = 100_000_000


def questions(name: str) -> Iterator[Question]:
    policy = (ROOT / "python" / "gateway" / "crossfade.toml").read_text()
    with lzma.open(Path(TRAFFIC or "") / name, "rt", encoding="utf-8") as lines:
        for index, line in enumerate(lines):
            recorded = json.loads(line)
            if not recorded.get("body"):
                continue
            url = urlsplit(recorded.get("url", "/webhooks"))
            yield {
                "policy": policy,
                "method": recorded.get("method", "POST"),
                "path": url.path or "/",
                "query": url.query,
                "headers": [["content-type", "application/json"]],
                "body": recorded["body"].encode("utf-8", "surrogateescape"),
                "now": START + index * APART,
            }


@pytest.mark.skipif(not TRAFFIC, reason="CROSSFADE_TRAFFIC names no folder of recorded traffic")
@pytest.mark.parametrize("name", ["api-requests.jsonl.xz", "github-webhooks.jsonl.xz"])
def test_recorded_bodies_are_judged_as_the_oracle_judges_them(candidate: Candidate, name: str) -> None:
    asked, oracle = list(questions(name)), Oracle()
    seen: Counter[str] = Counter()
    for question, got in zip(asked, candidate.ask(asked), strict=True):
        question["body"] = question["body"].decode("latin-1")
        wanted = oracle.ask(question)
        assert said(question, {k: v for k, v in got.items() if k != "route"}) == said(
            question, {k: v for k, v in wanted.items() if k != "route"}
        )
        seen[got.get("code", got.get("outcome", "no route"))] += 1
        seen["rewritten"] += "body" in got
    print(f"\n{name}: {dict(seen)}")
    assert seen["accepted"] > 200
    assert seen["rewritten"] > 200
