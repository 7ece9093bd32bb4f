"""
The slice of recorded traffic that is driven over HTTP.
"""

from __future__ import annotations

import json
import sys
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
