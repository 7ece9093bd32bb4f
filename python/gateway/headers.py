"""Request headers as ASGI gives them: pairs of bytes, names in lower case."""

Headers = list[tuple[bytes, bytes]]


def values(headers: Headers, name: bytes) -> list[str]:
    """Every line of one header, in order."""
    return [value.decode("latin-1") for key, value in headers if key == name]


def first(headers: Headers, name: bytes) -> str | None:
    """The first line of one header."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None
