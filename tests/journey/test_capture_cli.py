"""
`crossfade capture` and `crossfade policy check` as a user runs them: bring traffic in, look at it, damage it, seal it.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent / "fixtures"))

from msgpack_frames import pack  # noqa: E402

HEADER, BLOCK = 64, 39
LOG = rb"""
192.0.2.1 - - [13/Mar/2016:01:59:59 -0500] "GET /a//b?x=1 HTTP/1.1" 200 12 "-" "agent/1"
192.0.2.1 - - [13/Mar/2016:03:00:00 -0400] "HEAD /\"q\" HTTP/1.1" 304 - "https://example.org/" "agent/2"
192.0.2.2 - - [13/Mar/2016:03:00:01 -0400] "-" 408 - "-" "-"
2001:db8::1 - - [13/Mar/2016:03:00:01 -0400] "\x1b[31m\xe2\x80\xae\xff /" 400 0 "-" "-"
""".lstrip()
BAD = b'192.0.2.3 - - [13/Mar/2016:03:00:02 -0400] "GET / HTTP/1.1"-"-" "agent"\n'


class Run:
    """Runs the binary; every answer has its exit code checked."""

    def __init__(self, binary: Path, directory: Path) -> None:
        self.binary = binary
        self.directory = directory
        self.capture = directory / "capture"

    def __call__(self, code: int, *arguments: object, stdin: bytes = b"", **environment: str) -> tuple[str, str]:
        done = subprocess.run(
            [self.binary, *map(str, arguments)],
            cwd=self.directory,
            input=stdin,
            capture_output=True,
            env=os.environ | environment,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def imported(self, lines: bytes, code: int = 0) -> tuple[str, str]:
        return self(code, "capture", "import", "--format", "combined", "-", "-o", self.capture, stdin=lines)

    def shown(self, code: int = 0) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """The exchanges, and the recovery report."""
        out, _ = self(code, "capture", "show", self.capture, "--json")
        *exchanges, last = map(json.loads, out.splitlines())
        assert last["complete"] is (code == 0)
        return exchanges, last["recovery"]

    def segment(self) -> Path:
        (path,) = self.capture.iterdir()
        return path


@pytest.fixture
def run(binary: Path, tmp_path: Path) -> Run:
    return Run(binary, tmp_path)


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def raw_segment(*blocks: range) -> bytes:
    """An open segment, written by nothing but the format's description."""
    head = struct.pack("<8sHHIQQQ20s", b"\x89xfseg\r\n", 1, 0, 0, 7, 1_000_000, 0xF11E, b"0011223344556677")
    out = head + struct.pack("<I", crc32c(head))
    for sequences in blocks:
        payload = b"".join(pack(exchange(sequence)) for sequence in sequences)
        first = sequences[0]
        rest = struct.pack("<BHQQQ", 0, len(sequences), 0xF11E, first, 1_000_000 + first) + payload
        out += struct.pack("<4sII", b"\xc1xfb", len(rest), crc32c(rest)) + rest
    return out


def exchange(sequence: int) -> dict[str, Any]:
    limited = {"o": {"limited": {"l": "per-client", "a": 3}}, "ns": 5}
    request = {"m": b"GET", "p": b"/r", "h": [[b"host", b"h"]], "i": "192.0.2.1"}
    named = {"v": 1, "r": "api.write", "t": 1_000_000 + sequence, "w": 7, "n": sequence, "s": "shadow"}
    return named | {"a": "control", "q": request, "o": limited, "c": {"u": "why\x1b[2J"}, "later": [1]}


def test_import_and_show(run: Run) -> None:
    """Law: every line is shown with its time in UTC, its bytes escaped; a time zone's change moves nothing."""
    out, err = run.imported(LOG)
    assert out.startswith("4 exchanges imported into ")
    assert err == ""
    assert run.capture.stat().st_mode & 0o777 == 0o700
    assert run.segment().suffix == ".seg"
    assert run.segment().stat().st_mode & 0o777 == 0o600
    out, _ = run(0, "capture", "show", run.capture)
    assert out.splitlines() == [
        "2016-03-13T06:59:59.000000Z  0/0  GET /a//b?x=1  imported",
        '2016-03-13T07:00:00.000000Z  0/1  HEAD /"q"  imported',
        "2016-03-13T07:00:01.000000Z  0/2  - –  imported",
        "2016-03-13T07:00:01.000000Z  0/3  \\u{1b}[31m\\u{202e}\\xff /  imported",
        "",
        "4 exchanges in 1 block of 1 segment; nothing lost",
    ]


def test_json_comes_back(run: Run) -> None:
    """Law: what `show --json` prints, `import --format jsonl` reads: the same requests, bytes that are no text too."""
    run.imported(LOG)
    exchanges, recovery = run.shown()
    assert recovery["exchanges"] == 4
    assert exchanges[1]["headers"] == [["referer", "https://example.org/"], ["user-agent", "agent/2"]]
    assert exchanges[3]["method"] == {"b64": "G1szMW3igK7/"}
    lines = "".join(json.dumps(one) + "\n" for one in exchanges).encode()
    again = Run(run.binary, run.directory)
    again.capture = run.directory / "again"
    again(0, "capture", "import", "--format", "jsonl", "-", "-o", again.capture, stdin=lines)
    second, _ = again.shown()
    assert [one | {"epoch": 0} for one in second] == [one | {"epoch": 0} for one in exchanges]


def test_bad_lines(run: Run) -> None:
    """Law: a bad line is named with its place and reason, everything else is imported, and the exit code says so."""
    file = run.directory / "access.log"
    file.write_bytes(LOG + BAD + LOG)
    command = ["capture", "import", "--format", "combined", "access.log", "-o", run.capture]
    _, err = run(1, *command)
    assert "crossfade: access.log:5: no status after the request line; left out\n" in err
    assert "1 bad record, at most 0 allowed (--max-bad)" in err
    out, _ = run(0, *command, "--max-bad", "1", "--start", "2026-01-01T00:00:00Z")
    assert "8 exchanges imported" in out
    assert "1 bad record left out" in out
    exchanges, _ = run.shown()
    assert len(exchanges) == 16, "a second import adds to the capture"
    assert [one["t"] - exchanges[8]["t"] for one in exchanges[8:12]] == [0, 1_000_000, 2_000_000, 2_000_000]
    assert exchanges[8]["time"] == "2026-01-01T00:00:00.000000Z"
    assert len({(one["worker"], one["epoch"], one["sequence"]) for one in exchanges}) == 16


def test_damage_in_an_imported_capture(run: Run) -> None:
    """Law: a flipped byte or a cut costs its block, is reported with what was lost, and gives exit code 1."""
    run.imported(LOG * 2000)
    whole, recovery = run.shown()
    assert recovery["blocks"] > 1
    path = run.segment()
    pristine = path.read_bytes()

    path.write_bytes(pristine[:200] + bytes([pristine[200] ^ 1]) + pristine[201:])
    exchanges, recovery = run.shown(1)
    assert 0 < len(exchanges) < len(whole)
    assert recovery["blocks_lost"] == 1
    assert recovery["exchanges_lost"] == len(whole) - len(exchanges)
    assert exchanges == whole[-len(exchanges) :]
    out, _ = run(1, "capture", "show", run.capture, "--limit", "0")
    assert f"lost: {len(whole) - len(exchanges):,} exchanges; " in out
    assert "1 damaged block" in out

    path.write_bytes(pristine[:-1])
    exchanges, recovery = run.shown(1)
    assert exchanges == whole
    assert (recovery["torn_tails"], recovery["cut_off"]) == (1, 1)

    path.write_bytes(pristine[: len(pristine) // 2])
    exchanges, recovery = run.shown(1)
    assert exchanges == whole[: len(exchanges)]
    assert recovery["cut_off"] == 1


def test_a_segment_by_the_book(run: Run) -> None:
    """Law: a file written from the format's description is read, filtered and sealed; a killed writer's too."""
    run.capture.mkdir()
    path = run.capture / "0000000001000000-7.open"
    data = raw_segment(range(3), range(3, 300))
    path.write_bytes(data)
    out, _ = run(0, "capture", "show", run.capture, "--limit", "1", "--status", "limited", "--route", "api.write")
    assert out.splitlines() == [
        "1970-01-01T00:00:01.000000Z  7/0  GET /r  api.write  shadow"
        "  control* limited by per-client, retry after 3 s  candidate unsupported: why\\u{1b}[2J",
        "… 299 more",
        "",
        "300 exchanges in 2 blocks of 1 segment, 1 still open; nothing lost",
    ]
    out, _ = run(0, "capture", "show", run.capture, "--stage", "live")
    assert out.startswith("\n300 exchanges")

    path.write_bytes(data + raw_segment(range(2))[HEADER:-1])
    _, recovery = run.shown(1)
    assert (recovery["torn_tails"], recovery["exchanges"]) == (1, 300)
    out, _ = run(0, "capture", "seal", run.capture)
    assert out.startswith("1 segment sealed, ")
    assert run.segment().suffix == ".seg"
    assert run.segment().stat().st_size < len(data) / 4
    exchanges, recovery = run.shown(1)
    assert [one["sequence"] for one in exchanges] == list(range(300))
    assert recovery["torn_tails"] == 1, "sealing hides nothing"
    out, _ = run(0, "capture", "seal", run.capture)
    assert "1 segment sealed before" in out


def test_a_damaged_segment_is_not_sealed(run: Run) -> None:
    """Law: sealing leaves a damaged segment byte for byte as it is, and says so."""
    run.capture.mkdir()
    path = run.capture / "0000000001000000-7.open"
    data = bytearray(raw_segment(range(3), range(3, 6), range(6, 9)))
    data[HEADER + BLOCK + 5] ^= 1
    path.write_bytes(data)
    _, err = run(1, "capture", "seal", run.capture)
    assert "0000000001000000-7.open: damaged (6 exchanges can be read); left as it is" in err
    assert run.segment().read_bytes() == bytes(data)


def test_broken_pipe(run: Run) -> None:
    """Law: whoever stops reading has seen enough: no complaint, exit code 0."""
    run.imported(LOG * 2000)
    show: list[str | Path] = [run.binary, "capture", "show", run.capture]
    with subprocess.Popen(show, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b"2016-")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


def test_usage(run: Run) -> None:
    """Law: a wrong command line or a missing file is exit code 2 and one clear line."""
    run(2)
    run(2, "capture", "import", "--format", "apache", "-", "-o", "x")
    _, err = run(2, "capture", "import", "--format", "har", "missing.har", "-o", "x")
    assert err == "crossfade: missing.har: No such file or directory (os error 2)\n"
    _, err = run(2, "capture", "show", "missing")
    assert err == "crossfade: missing: No such file or directory (os error 2)\n"
    _, err = run(2, "capture", "show", ".")
    assert "no capture here" in err
    run(2, "capture", "import", "--format", "har", "-", "-o", "x", "--start", "yesterday")
    _, err = run(2, "capture", "seal", ".", CROSSFADE_LOG="loud")
    assert err.startswith('crossfade: CROSSFADE_LOG="loud" is no level')
    out, _ = run(0, "--version")
    assert out.startswith("crossfade 0.1.0 (build ")


def test_policy_check(run: Run) -> None:
    """Law: a policy is shown with its digests, or with every error at its place and exit code 2."""
    out, err = run(0, "policy", "check", ROOT / "python" / "gateway" / "crossfade.toml")
    assert "blog.page" in out
    assert err == ""
    wrong = run.directory / "wrong.toml"
    wrong.write_text('version = 1\n\n[[route]]\nname = "a"\nmatch = ["GET /a"]\nlimits = ["nobody"]\nspeed = 3\n')
    out, err = run(2, "policy", "check", "wrong.toml")
    assert out == ""
    assert "wrong.toml:6:" in err
    assert "wrong.toml:7:" in err
    assert "wrong.toml: 2 errors" in err
