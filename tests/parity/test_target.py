"""Targets and client addresses: the candidate says what the Python standard library says, or that it cannot judge."""

import ipaddress
import json
import lzma
import os
import posixpath
import re
import struct
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

import pytest
from built import example
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = 100_000 if os.environ.get("CROSSFADE_LONG") else 5_000
BATCH = 50  # one process answers this many inputs of one example
TRAFFIC = os.environ.get("CROSSFADE_TRAFFIC")
MOST_UNSUPPORTED = 0.005  # of a source's requests; recorded are at most 0.0023

Answer = tuple[str, bytes]


@pytest.fixture(scope="session")
def trace() -> Path:
    """The candidate's side: a small program around the crate."""
    return example("target_trace")


def ask(trace: Path, questions: list[tuple[bytes, bytes]]) -> list[Answer]:
    """What the candidate says of each (letter, bytes)."""
    sent = b"".join(letter + struct.pack("<I", len(text)) + text for letter, text in questions)
    said = subprocess.run([trace], input=sent, stdout=subprocess.PIPE, check=True).stdout
    answers: list[Answer] = []
    at = 0
    while at < len(said):
        (length,) = struct.unpack_from("<I", said, at + 1)
        answers.append((chr(said[at]), said[at + 5 : at + 5 + length]))
        at += 5 + length
    assert len(answers) == len(questions)
    return answers


def path_control(raw: bytes) -> bytes:
    path = re.sub("/{2,}", "/", quote(unquote_to_bytes(raw), safe="/~!$&'()*+,;=:@"))
    canonical = posixpath.normpath(path)
    if path.endswith("/") and canonical != "/":
        canonical += "/"
    return canonical.encode("ascii")


def query_control(raw: bytes) -> bytes:
    return urlencode(sorted(parse_qsl(raw.decode("latin-1"), keep_blank_values=True))).encode("ascii")


def page_query_control(raw: bytes) -> bytes:
    pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True)
    kept = [pair for pair in pairs if not pair[0].startswith("utm_") and pair[0] not in {"fbclid", "gclid"}]
    return urlencode(sorted(kept)).encode("ascii")


TRUSTED = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]


def client_control(raw: bytes) -> bytes:
    peer, *lines = raw.split(b"\n")
    try:
        address = parsed(peer.decode())
    except ValueError:
        return b"unknown"
    if trusted(address):
        for hop in reversed(b",".join(lines[:-1]).decode("latin-1").split(",")):
            try:
                address = parsed(hop.strip())
            except ValueError:
                break
            if not trusted(address):
                break
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False)).encode()
    return str(address).encode()


def trusted(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in network for network in TRUSTED)


def parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


CONTROLS = {b"p": path_control, b"q": page_query_control, b"s": query_control, b"c": client_control}


# Why the candidate may leave a path to the control: a form, a character, a triplet or dots with two readings.
PATH_OUTSIDE = re.compile(
    rb"""\A(?!/) | [^\x21-\x7e] | [#?\\] | %(?![0-9A-Fa-f]{2})
      | %(?: 2[146-9A-CFa-cf] | 3[ABDabd] | 40 ) | /(?:\.|%2[Ee]){1,2};""",
    re.VERBOSE,
)


def may_be_outside(letter: bytes, text: bytes) -> bool:
    """Whether there is a reason not to judge, found without the candidate."""
    if letter == b"c":
        return False
    if letter == b"p":
        return PATH_OUTSIDE.search(text) is not None
    try:
        for part in re.split(b"[&=]", text):
            part.decode("ascii")
            unquote_to_bytes(part).decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def unequal(trace: Path, questions: list[tuple[bytes, bytes]]) -> Iterator[str]:
    """Where the candidate judged and said something else than the control, or had no reason not to judge."""
    for (letter, text), (kind, said) in zip(questions, ask(trace, questions), strict=True):
        if kind == "u":
            if not may_be_outside(letter, text):
                yield f"{letter.decode()} {text!r}: {said.decode()} is no reason"
            continue
        got = text if kind == "s" else said
        wanted = CONTROLS[letter](text)
        if got != wanted:
            yield f"{letter.decode()} {text!r}: control {wanted!r}, candidate {kind} {got!r}"


def pieces(alphabet: str) -> st.SearchStrategy[bytes]:
    """Text of pieces that have a meaning, and of any bytes."""
    known = st.sampled_from(alphabet.split()).map(str.encode)
    anything = st.integers(0, 255).map(lambda byte: bytes([byte]))
    triplet = st.integers(0, 255).map(lambda byte: b"%%%02X" % byte) | st.integers(0, 255).map(
        lambda byte: b"%%%02x" % byte
    )
    return st.lists(known | known | known | triplet | anything, max_size=20).map(b"".join)


PATHS = pieces(
    '/ / / // . .. %2e %2E%2e ..; a b index.php ~u %7e %2f %5c %25 %252f % %4 %zz %00 ; : @ + | [ ] " < \\ # ? é'
)
QUERIES = pieces(
    "& & & = = a b utm_source gclid utm_ + %20 %2B %26 %3D %C3%A9 %C3 %FF % %% %4 %zz %41 * ~ - . _ é ' / ? : %00 "
    "%F0%9F%98%80 %EF%BF%BD %ED%A0%80"
)
ADDRESSES = pieces(
    "127.0.0.1 127.9.9.9 10.0.0.1 ::1 ::ffff:127.0.0.1 ::ffff:9.9.9.9 2001:db8::1 1:2:3:4:5:6:7:8 fe80::1%eth0 "
    "fe80::1% 01.2.3.4 1.2.3 0::0 ::1.2.3.4 1::2:0:0:0:3:4 , , ; : . / 0 1 f"
)


@settings(max_examples=EXAMPLES // BATCH, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(
        st.tuples(st.just(b"p"), PATHS.map(lambda path: b"/" + path))
        | st.tuples(st.just(b"p"), PATHS)
        | st.tuples(st.sampled_from([b"q", b"s"]), QUERIES),
        min_size=BATCH,
        max_size=BATCH,
    )
)
def test_a_target_that_is_judged_is_judged_as_by_the_control(trace: Path, questions: list[tuple[bytes, bytes]]) -> None:
    assert list(unequal(trace, questions)) == []


def chain(parts: tuple[str, list[bytes]]) -> bytes:
    peer, lines = parts
    return b"\n".join([peer.encode(), *(line.replace(b"\n", b"") for line in lines), b""])


PEERS = st.sampled_from(
    [
        "127.0.0.1",
        "::1",
        "10.9.8.7",
        "2001:db8:1:2:3:4:5:6",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "fe80::1%eth0",
        "",
        "testclient",
    ]
)
HOPS = st.lists(
    st.sampled_from(
        [
            b"127.0.0.1",
            b" ::1",
            b"10.0.0.1 ",
            b"::ffff:127.0.0.1",
            b"2001:db8::1",
            b"fe80::9%a b",
            b"\xa01.2.3.4\x85",
            b"x",
            b"",
            b"1.2.3.4:80",
            b"[::1]",
        ]
    )
    | ADDRESSES,
    max_size=5,
).map(b",".join)


@settings(max_examples=EXAMPLES // BATCH, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(PEERS, st.lists(HOPS, max_size=3)).map(chain), min_size=BATCH, max_size=BATCH))
def test_a_client_has_the_address_that_the_control_finds(trace: Path, chains: list[bytes]) -> None:
    assert list(unequal(trace, [(b"c", text) for text in chains])) == []


def recorded() -> Iterator[tuple[str, str, bytes]]:
    """(route, method, target) of all recorded traffic."""
    assert TRAFFIC is not None
    with lzma.open(Path(TRAFFIC) / "blog-access.log.xz", "rb") as lines:
        for line in lines:
            request = line.split(b'"')[1].split(b" ")
            if len(request) == 3:
                # The server wrote bytes that it could not print as \xHH.
                target = re.sub(rb"\\x([0-9a-fA-F]{2})", lambda m: bytes([int(m[1], 16)]), request[1])
                yield "blog", request[0].decode(), target
    with lzma.open(Path(TRAFFIC) / "api-requests.jsonl.xz", "rb") as lines:
        for line in lines:
            record = json.loads(line)
            # Some cassettes hold a placeholder where scheme, host and slash stood.
            url = re.sub("^<<[A-Z_]+>>", "/", re.sub("^[a-z]+://[^/?#]*|#.*", "", record["url"]))
            yield record["src"], record["method"], url.encode()


@pytest.mark.skipif(TRAFFIC is None, reason="CROSSFADE_TRAFFIC names no folder of recorded traffic")
def test_recorded_targets_are_judged_and_judged_alike(trace: Path) -> None:
    """Far below two per cent of any source is outside, and the rest is equal."""
    questions: Counter[tuple[str, bytes, bytes]] = Counter()
    for source, _, target in recorded():
        path, _, query = target.partition(b"?")
        questions[source, b"p", path] += 1
        questions[source, b"q" if source == "blog" else b"s", query] += 1
    distinct = list(questions)
    assert list(unequal(trace, [(letter, text) for _, letter, text in distinct])) == []
    total: Counter[str] = Counter()
    outside: Counter[str] = Counter()
    for question, (kind, said) in zip(
        distinct, ask(trace, [(letter, text) for _, letter, text in distinct]), strict=True
    ):
        source, letter, text = question
        part = f"{source} {'path' if letter == b'p' else 'query'}"
        total[part] += questions[question]
        if kind == "u":
            outside[part] += questions[question]
            print(f"{part} {text!r} is outside: {said.decode()}")
    for part, count in total.items():
        print(f"{part}: {outside[part]} of {count} outside")
        assert outside[part] <= MOST_UNSUPPORTED * count
