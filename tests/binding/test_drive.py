"""
The slice of recorded traffic that is driven over HTTP.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "shadow"))

import drive


def test_a_record_is_one_line_whatever_stands_in_it(tmp_path: Path) -> None:
    """
    Characters that end a line elsewhere (U+2028, U+0085, form feed) are texts like others in a record.
    """
    body = {"text": "a\u2028b\u0085c\u2029d"}
    record = {"method": "POST", "target": "/a", "headers": [], "body": json.dumps(body, ensure_ascii=False)}
    file = tmp_path / "records.jsonl"
    file.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")

    (chosen,) = drive.slice_of([file])

    assert json.loads(chosen.body) == body


def nameless(target: str) -> str:
    return json.dumps({"method": "GET", "target": target, "headers": []}) + "\n"


def test_a_client_is_chosen_twice_at_most(tmp_path: Path) -> None:
    """
    However many recordings a client is in, no limit is met by a round; and who has no name has one of its own, not the
    address that all such requests come from.
    """
    line = '198.51.100.7 - - [01/Jan/2024:00:00:00 +0000] "GET /{} HTTP/1.1" 200 1\n'
    logs = [tmp_path / "one.log", tmp_path / "two.log"]
    for log in logs:
        log.write_text("".join(line.format(n) for n in range(3)))
    records = tmp_path / "records.jsonl"
    records.write_text("".join(nameless(f"/{n}") for n in range(9)))

    chosen = drive.slice_of([*logs, records])

    clients = [dict(request.headers)["x-forwarded-for"] for request in chosen]
    assert clients.count("198.51.100.7") == drive.PER_CLIENT == 2
    assert len(set(clients)) == 1 + 9


def test_each_round_comes_from_other_clients(tmp_path: Path) -> None:
    """
    What one round has used up of a limit is nothing to the next one, whatever the limit counts by.
    """
    seen: list[tuple[str | None, str | None]] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.headers["x-forwarded-for"], self.headers["authorization"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    file = tmp_path / "records.jsonl"
    file.write_text(nameless("/a"))
    with HTTPServer(("127.0.0.1", 0), Noting) as server:
        threading.Thread(target=server.serve_forever).start()
        driver = drive.Driver(f"http://127.0.0.1:{server.server_port}", clients=1)
        answers = [driver.round(drive.slice_of([file])) for _ in range(3)]
        server.shutdown()

    assert [[answer.status for answer in round] for round in answers] == [[204]] * 3
    addresses, credentials = zip(*seen, strict=True)
    assert len(set(addresses)) == len(set(credentials)) == 3
