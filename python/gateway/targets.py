"""One spelling for every request target, so that caches and backends see each page once."""

import posixpath
import re
from urllib.parse import parse_qsl, quote, unquote_to_bytes, urlencode

SAFE = "/~!$&'()*+,;=:@"  # what RFC 3986 allows in a path besides letters, digits and "-._"
SLASHES = re.compile("/+")
TRACKING = frozenset({"fbclid", "gclid"})


def canonical_path(raw_path: bytes) -> str:
    """The path, escaped in one way, without empty and dot segments."""
    path = SLASHES.sub("/", "/" + quote(unquote_to_bytes(raw_path), safe=SAFE))
    canonical = posixpath.normpath(path)
    # normpath drops a trailing slash, but to the backends /a and /a/ are two pages.
    if path.endswith("/") and canonical != "/":
        canonical += "/"
    return canonical


def canonical_query(query_string: bytes, *, drop_tracking: bool) -> str:
    """The query, sorted and escaped in one way."""
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)
    if drop_tracking:
        pairs = [(name, value) for name, value in pairs if not is_tracking(name)]
    return urlencode(sorted(pairs))


def is_tracking(name: str) -> bool:
    return name.startswith("utm_") or name in TRACKING
