"""Turns recordings into the JSON lines that `crossfade capture import --format jsonl` reads.

One request is {"t", "method", "target", "headers", "client", "body" or "body_b64"}. What a recording lacks is either
left out or joined by the rules in README.md, and every joined or changed thing is counted.
"""

import base64
import binascii
import email.utils
import json
import re
from datetime import UTC, datetime, timedelta

from cassette import Refused
from cassette import read as read_cassette

LAST = 253_402_300_800_000_000  # the year 10000: no calendar time that RFC 3339 can write
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_WEBHOOK = 1_704_067_200_000_000  # 2024-01-01T00:00:00Z
SECOND, MILLISECOND = 1_000_000, 1_000
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(Z|[+-]\d\d:\d\d)?")
HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)([^#]*)(#.*)?", re.S)
PLACEHOLDER = re.compile(r"(<<[^<>]*>>)/?([^#]*)(#.*)?", re.S)  # stands for scheme, host and first slash
CANNOT_STAND = re.compile(rb"[^\x21-\x7e]")  # in a request line: space, control, non-ASCII


def micros(text, place, counts):
    """A recorded time as microseconds since the epoch: RFC 3339, the same without a zone (UTC), or an HTTP date."""
    try:
        if isinstance(text, int) and not isinstance(text, bool) and 0 <= text < LAST:
            return text
        if isinstance(text, str) and (found := ISO.fullmatch(text)):
            when = datetime.fromisoformat(text)
            if not found[1]:
                counts["time without zone, read as UTC"] += 1
                when = when.replace(tzinfo=UTC)
            return (when - EPOCH) // timedelta(microseconds=1)
        if isinstance(text, str) and HTTP_DATE.fullmatch(text):
            counts["time of the response's Date header, whole seconds"] += 1
            return (email.utils.parsedate_to_datetime(text) - EPOCH) // timedelta(microseconds=1)
    except ValueError:
        pass
    raise Refused(f"{place}: no time: {text!r}")


def rfc3339(at):
    when = EPOCH + timedelta(microseconds=at)
    return when.isoformat(timespec="microseconds" if at % 1000 else "milliseconds").replace("+00:00", "Z")


def split_url(url, place, counts):
    """(host or None, target in origin form). Bytes stay as recorded, but for those that no request line can hold."""
    if found := ABSOLUTE.fullmatch(url):
        host, rest = found[1].rpartition("@")[2], found[2]
        counts["user name in URL, left out"] += "@" in found[1]
    elif found := PLACEHOLDER.fullmatch(url):
        host, rest = found[1], "/" + found[2]
        counts["host is a placeholder"] += 1
    elif url.startswith("/"):
        found, host, rest = None, "", url
    else:
        raise Refused(f"{place}: no URL: {url!r}")
    counts["host missing"] += not host
    counts["fragment, left out"] += bool(found and found[3])
    target = rest if rest.startswith("/") else "/" + rest
    try:
        raw, changed = CANNOT_STAND.subn(lambda byte: b"%%%02X" % byte[0][0], target.encode())
    except UnicodeEncodeError:
        raise Refused(f"{place}: half a surrogate pair in {url!a}") from None
    counts["byte percent-encoded in target"] += changed
    return host or None, raw.decode()


def body_of(body, place, counts):
    """{"body": text or null}, or {"body_b64": …} for bytes that are no UTF-8."""
    if isinstance(body, bytes):
        try:
            body = body.decode()
        except UnicodeDecodeError:
            counts["body is not UTF-8"] += 1
            return {"body_b64": base64.b64encode(body).decode()}
    if body is not None and not isinstance(body, str):
        raise Refused(f"{place}: a body must be text or null")
    return {"body": body}


def request(at, method, url, headers, body, place, counts):
    """(time, the request). Header names in lower case, in recorded order; host from the URL unless recorded."""
    if not isinstance(method, str) or not re.fullmatch("[A-Z]+", method) or not isinstance(url, str):
        raise Refused(f"{place}: a request needs a method and a URL: {method!r} {url!r}")
    host, target = split_url(url, place, counts)
    pairs = []
    for pair in headers:
        if len(pair) != 2 or not all(isinstance(text, str) for text in pair) or re.search("[\r\n\0]", "".join(pair)):
            raise Refused(f"{place}: no header: {pair!r}")
        pairs.append([pair[0].lower(), pair[1]])
    if host and not any(name == "host" for name, _ in pairs):
        pairs.insert(0, ["host", host])
        counts["host header from URL"] += 1
    return at, {"method": method, "target": target, "headers": pairs, "client": None, **body_of(body, place, counts)}


def cassette(data, frozen, name, counts):
    """The requests of one cassette: at its frozen time, else at its first response's Date, +1 ms each."""
    interactions = read_cassette(data, name)
    if frozen is not None:
        at = micros(frozen, name.removesuffix(".yaml") + ".frozen:1", counts)
    else:
        dates = [text for key, text in interactions[0].answer_headers if key.lower() == "date"]
        at = micros(dates[0] if dates else None, name, counts)
    for number, one in enumerate(interactions):
        place = f"{name}: interaction {number + 1}"
        yield request(at + number * MILLISECOND, one.method, one.uri, one.headers, one.body, place, counts)


def webhook(number, event, body, place, counts):
    """(time, the request). The payload is recorded, everything around it is invented."""
    if not isinstance(event, str) or not re.fullmatch("[a-z0-9_]+", event) or not isinstance(body, (str, bytes)):
        raise Refused(f"{place}: a webhook needs an event name and a body")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = None
    hook = 0
    for part in ("repository", "organization", "installation"):
        inner = payload.get(part) if isinstance(payload, dict) else None
        if isinstance(inner, dict) and isinstance(inner.get("id"), int) and not isinstance(inner["id"], bool):
            hook = inner["id"]
            break
    else:
        counts["webhook without any id, sent as 0"] += 1
    headers = [["content-type", "application/json"], ["x-github-event", event], ["x-github-hook-id", str(hook)]]
    return FIRST_WEBHOOK + number * SECOND, {
        "method": "POST",
        "target": "/webhooks",
        "headers": headers,
        "client": None,
        **body_of(body, place, counts),
    }


def webhook_examples(definitions, seen, place, counts):
    """(event, body) of every example that is not word for word in `seen`. The package holds parsed payloads."""
    if not isinstance(definitions, list):
        raise Refused(f"{place}: expected a list of webhook definitions")
    for definition in definitions:
        if not isinstance(definition, dict) or not isinstance(definition.get("examples"), list):
            raise Refused(f"{place}: expected a name and examples, found {str(definition)[:60]}")
        for example in definition["examples"]:
            one = definition.get("name"), json.dumps(example, indent=2, ensure_ascii=False)
            if one in seen:
                counts["exact repeat, left out"] += 1
                continue
            seen.add(one)
            yield one


def json_lines(lines, name, counts):
    """Requests of a JSON-lines file: a line with "url" is an API request, one with "event" a webhook.

    Consecutive requests of one recorded time are one recording: +1 ms each, so that their order is kept.
    """
    last, run, webhooks = None, 0, 0
    for number, line in enumerate(lines, 1):
        place = f"{name}:{number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Refused(f"{place}: no JSON: {error}") from None
        if not isinstance(row, dict) or ("url" in row) == ("event" in row):
            raise Refused(f'{place}: expected either "url" or "event"')
        body = row.get("body")
        if "body_b64" in row:
            try:
                body = base64.b64decode(row["body_b64"], validate=True)
            except (TypeError, ValueError, binascii.Error):
                raise Refused(f"{place}: body_b64 is no base64") from None
        if "event" in row:
            yield webhook(webhooks, row["event"], body, place, counts)
            webhooks += 1
            continue
        at = micros(row.get("t"), place, counts)
        run = run + 1 if at == last else 0
        last = at
        headers = row.get("headers") or []
        if not isinstance(headers, list) or not all(isinstance(pair, list) for pair in headers):
            raise Refused(f"{place}: headers must be a list of pairs")
        yield request(at + run * MILLISECOND, row.get("method"), row["url"], headers, body, place, counts)


def write(requests, out):
    """Writes requests in order of time, and of recording where times are equal. Returns how many."""
    total = 0
    for at, one in sorted(requests, key=lambda pair: pair[0]):
        line = json.dumps({"t": rfc3339(at), **one}, ensure_ascii=False, separators=(",", ":"))
        try:
            out.write(line.encode() + b"\n")
        except UnicodeEncodeError:
            raise Refused(f"half a surrogate pair in {one['method']} {one['target']!a}") from None
        total += 1
    return total


def tally(counts):
    return {key: value for key, value in sorted(counts.items()) if value}
