"""
The shape of the house: who may know whom, how large a room may be, where `unsafe` lives.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CRATES = {
    "crossfade-core": "rust/core",
    "crossfade-store": "rust/store",
    "crossfade-exchange": "rust/exchange",
    "crossfade-seam": "rust/seam",
    "crossfade-py": "rust/py",
    "crossfade-cli": "rust/cli",
    "crossfade-shadow": "shadow",
}

# core ◀ store ◀ seam ◀ py          core ◀ exchange ◀ seam, shadow          shadow, seam ◀ cli
# The proof replays with the candidate's own store, so shadow knows store too.
MAY_KNOW = {
    "crossfade-core": set(),
    "crossfade-store": {"crossfade-core"},
    "crossfade-exchange": {"crossfade-core"},
    "crossfade-seam": {"crossfade-core", "crossfade-store", "crossfade-exchange"},
    "crossfade-py": {"crossfade-core", "crossfade-store", "crossfade-exchange", "crossfade-seam"},
    "crossfade-shadow": {"crossfade-core", "crossfade-store", "crossfade-exchange"},
    "crossfade-cli": {"crossfade-core", "crossfade-store", "crossfade-exchange", "crossfade-seam", "crossfade-shadow"},
}

# A reader who opens a file holds one idea; one that outgrows this holds a second.
LONGEST = 400

# Tables that a program wrote.
GENERATED = {"rust/core/src/unicode/assigned.rs", "rust/core/src/unicode/fold_table.rs"}


@cache
def tracked(pattern: str) -> list[Path]:
    listed = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


@cache
def known() -> dict[str, set[str]]:
    """What each package depends on directly."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    names = {package["id"]: package["name"] for package in metadata["packages"]}
    return {
        names[node["id"]]: {
            names[dependency["pkg"]]
            for dependency in node["deps"]
            if any(kind["kind"] is None for kind in dependency["dep_kinds"])
        }
        for node in metadata["resolve"]["nodes"]
    }


@pytest.mark.parametrize("crate", CRATES)
def test_crates_know_only_whom_they_may(crate: str) -> None:
    """
    Knowledge flows one way: no crate depends on one that the design puts above it.
    """
    assert known()[crate] & CRATES.keys() <= MAY_KNOW[crate]


def test_the_extension_stays_slim() -> None:
    """
    What a service loads brings no runtime, no command line and no proof with it.
    """
    heavy = {"tokio", "hyper", "rusqlite", "zstd", "clap", "tracing", "prometheus", "crossfade-shadow", "crossfade-cli"}

    # Asked of this package alone: in the whole workspace the binary switches features on.
    command = ["cargo", "tree", "-p", "crossfade-py", "-e", "normal", "--prefix", "none", "--format", "{p}", "--locked"]
    tree = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert {line.split()[0] for line in tree.splitlines() if line} & heavy == set()


def test_the_core_has_few_dependencies() -> None:
    """
    What decides can be read: every crate below the core is argued in docs/dependencies.md.
    """
    argued = (ROOT / "docs" / "dependencies.md").read_text()
    direct = known()["crossfade-core"]

    assert direct == {"memchr", "simdutf8", "toml", "unicode-normalization"}
    assert all(f"`{name}`" in argued for name in direct)


@pytest.mark.parametrize("crate", CRATES)
def test_every_dependency_is_argued(crate: str) -> None:
    """
    A dependency is a decision with a cost: docs/dependencies.md names each one.
    """
    argued = (ROOT / "docs" / "dependencies.md").read_text()

    assert [name for name in known()[crate] - CRATES.keys() if f"`{name}`" not in argued] == []


@pytest.mark.parametrize("crate", CRATES)
def test_unsafe_lives_in_two_places_alone(crate: str) -> None:
    """
    Every crate forbids `unsafe`; the store denies it but in the fork hook and where it maps a file, the binding
    denies it.
    """
    folder = ROOT / CRATES[crate] / "src"
    root = folder / ("main.rs" if crate == "crossfade-cli" else "lib.rs")
    level = "deny" if crate in {"crossfade-store", "crossfade-py"} else "forbid"
    users = {
        path.relative_to(ROOT).as_posix()
        for path in folder.rglob("*.rs")
        if re.search(r"\bunsafe\b(?![-_])", code(path))
    }

    assert f"#![{level}(unsafe_code)]" in root.read_text()
    assert users <= {"rust/store/src/fork.rs", "rust/store/src/shared/map.rs"}


def test_rooms_are_small() -> None:
    """
    No source file is longer than a reader can hold.
    """
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in tracked("*.rs") + tracked("*.py")
        if (lines := len(path.read_text().splitlines())) > LONGEST
    }

    assert {name: lines for name, lines in long.items() if name not in GENERATED} == {}


def test_python_knows_one_way() -> None:
    """
    _core ◀ seam ◀ asgi ◀ the service; crossfade knows no service, and the service only in its wiring.
    """
    imports = {path.relative_to(ROOT / "python").as_posix(): imported(path) for path in tracked("python/*.py")}
    crossfade = {name: names for name, names in imports.items() if name.startswith("crossfade/")}
    gateway = {name: names for name, names in imports.items() if name.startswith("gateway/")}

    assert [name for name, names in crossfade.items() if any(n.startswith("gateway") for n in names)] == []
    assert [name for name, names in gateway.items() if any(n.startswith("crossfade") for n in names)] == [
        "gateway/wiring.py"
    ]
    assert [name for name, names in crossfade.items() if "crossfade.asgi" in names] == []
    below_the_seam = ("observation", "request", "_build", "_clock", "_control_digest", "observe/")
    assert [
        name
        for name, names in crossfade.items()
        if name.startswith(tuple(f"crossfade/{part}" for part in below_the_seam)) and "crossfade.seam" in names
    ] == []


def test_names_say_something() -> None:
    """
    No file is called after nothing.
    """
    empty = re.compile(r"(^|/)(utils?|helpers?|common|manager|misc|legacy)(\.|/|_)", re.IGNORECASE)
    names = [path.relative_to(ROOT).as_posix() for path in tracked("*.rs") + tracked("*.py")]

    assert [name for name in names if empty.search(name)] == []


def test_nothing_recorded_is_committed() -> None:
    """
    Recordings of others come from registries; the repository holds none.
    """
    suspicious = [p for suffix in ("xz", "zst", "seg", "log", "har", "gz") for p in tracked(f"*.{suffix}")]

    assert suspicious == []


def code(path: Path) -> str:
    """A Rust file without its comments and attributes."""
    lines = (line for line in path.read_text().splitlines() if not line.lstrip().startswith(("//", "#")))
    return "\n".join(lines)


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names
