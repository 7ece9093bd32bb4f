"""JSON bodies in and out, with every number exactly as the client wrote it."""

import json
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii
from typing import Any, NoReturn

from gateway.fields import Exact
from gateway.refusals import InvalidRequest
from gateway.rules import Table

MAX_BODY = 1024 * 1024

JSON_TYPES = frozenset({"application/json", "text/json"})


def is_json(content_type: str | None) -> bool:
    media_type = (content_type or "").split(";")[0].strip().lower()
    return media_type in JSON_TYPES or media_type.endswith("+json")


def normalise(body: bytes, content_type: str | None, table: Table) -> bytes | None:
    """The body with the table's rules applied; None when it is passed on as it came."""
    if len(body) > MAX_BODY:
        raise InvalidRequest(413, "too_large", None)
    if not body or not is_json(content_type):
        return None
    try:
        document = json.loads(body, parse_float=Exact, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise InvalidRequest(400, "malformed_json", None) from None
    table.apply(document)
    try:
        return json.dumps(document, cls=ExactEncoder).encode("ascii")
    except RecursionError:  # the writer needs more stack than the parser
        raise InvalidRequest(400, "malformed_json", None) from None


def refuse_constant(name: str) -> NoReturn:
    """NaN and Infinity are Python's own idea of JSON; the backends do not read them."""
    raise ValueError(f"{name} is not JSON")


class ExactEncoder(json.JSONEncoder):
    """Writes json.dumps' default format, and an Exact as its text."""

    def iterencode(self, o: Any, _one_shot: bool = False) -> Iterator[str]:
        # The C encoder calls float.__repr__ whatever the subclass says, so the Python one has to do it.
        write = json.encoder._make_iterencode(  # type: ignore[attr-defined]
            {},
            self.default,
            encode_basestring_ascii,
            None,
            lambda number: number.text,
            self.key_separator,
            self.item_separator,
            self.sort_keys,
            self.skipkeys,
            _one_shot,
        )
        return iter(write(o, 0))
