"""
Where a storage of the library `limits` counts: its URI and its options, read into one value.
"""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MOST_KEYS = 1 << 30
"""Most keys that may be asked for, as in a policy's `[store]`."""

MOST_RING_BYTES = 1 << 30

UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

ON_FULL = ("share", "admit", "reject")

SCOPE_HAS_TO_BE_SAID = (
    "say ?scope=host in it. memory:// and crossfade:// have one counter per key in each worker process; "
    "crossfade+shm:// has one for all processes of this host, so that N workers together admit what each of them "
    "admitted before"
)


@dataclass(frozen=True)
class Place:
    """
    A place where counts live.

    `shared` is the name of a table for all processes of this user on this host; None: this process's memory.
    `max_keys`: the most keys that have counts. `ring_bytes`: bytes for the entries of moving windows. `on_full`: what a
    key gets that finds no room, `share`, `admit` or `reject`. The last two are of a shared table.
    """

    shared: str | None = None
    max_keys: int = 1_000_000
    ring_bytes: int = 64 << 20
    on_full: str = "share"

    @classmethod
    def read(cls, uri: str | None, options: Mapping[str, object]) -> Place:
        """
        The place that a URI and `storage_options` name together; a plain `crossfade://` where there is no URI.

        Raises ValueError, which says what to write instead.
        """
        parsed = urllib.parse.urlsplit(uri or "crossfade://")
        said = read_query(parsed.query)
        for option, value in options.items():
            if said.setdefault(option, str(value)) != str(value):
                raise ValueError(f"{uri}: the URI says {option}={said[option]}, the storage's options say {value}")
        shared = parsed.scheme.endswith("+shm")
        name = read_name(uri, parsed.netloc + parsed.path, shared)
        read_scope(uri, said.pop("scope", None), shared)
        read_options: dict[str, Callable[[str], object]] = {"max_keys": read_keys}
        if shared:
            read_options |= {"ring_bytes": read_size, "on_full": read_on_full}
        if unknown := said.keys() - read_options.keys():
            known = ", ".join(read_options)
            raise ValueError(f"{uri}: no option {', '.join(sorted(unknown))}: there are {known}")
        options_read: dict[str, Any] = {option: read_options[option](value) for option, value in said.items()}
        return cls(name, **options_read)

    def __str__(self) -> str:
        if self.shared is None:
            return "crossfade://: scope worker, one counter per key in each worker process"
        return f"crossfade+shm://{self.shared}: scope host, one counter per key for all processes of this host"


def read_query(query: str) -> dict[str, str]:
    said: dict[str, str] = {}
    for name, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        if said.setdefault(name, value) != value:
            raise ValueError(f"?{query} says {name} twice, and not the same")
    return said


def read_name(uri: str | None, name: str, shared: bool) -> str | None:
    if not shared:
        if name.strip("/"):
            raise ValueError(
                f"{uri}: a process's own memory has no name: write crossfade://, or crossfade+shm://{name}?scope=host "
                "for a table that all processes share"
            )
        return None
    if not re.fullmatch(r"(?!\.)[A-Za-z0-9._-]{1,100}", name.rstrip("/")):
        raise ValueError(
            f"{uri}: a shared table has a name of letters, digits, '.', '_' and '-', by which the workers find it: "
            "crossfade+shm://NAME?scope=host"
        )
    return name.rstrip("/")


def read_scope(uri: str | None, scope: str | None, shared: bool) -> None:
    if shared and scope is None:
        raise ValueError(f"{uri}: {SCOPE_HAS_TO_BE_SAID}")
    kept = "host" if shared else "worker"
    if scope not in (None, kept):
        raise ValueError(f"{uri}: it counts for each {kept}, not {scope}: write scope={kept}, or use another store")


def read_keys(value: str) -> int:
    if not re.fullmatch(r"[0-9_]{1,20}", value) or not 1 <= int(value) <= MOST_KEYS:
        raise ValueError(f"max_keys={value}: it is a whole number from 1 to {MOST_KEYS}")
    return int(value)


def read_size(value: str) -> int:
    parts = re.fullmatch(r"([0-9]{1,12}) ?(B|KiB|MiB|GiB|)", value)
    size = int(parts[1]) * UNITS[parts[2]] if parts else 0
    if not 1 <= size <= MOST_RING_BYTES:
        raise ValueError(f"ring_bytes={value}: it is a number of bytes, or a size like 64MiB, at most 1GiB")
    return size


def read_on_full(value: str) -> str:
    if value not in ON_FULL:
        raise ValueError(f"on_full={value}: there are {', '.join(ON_FULL)}")
    return value
