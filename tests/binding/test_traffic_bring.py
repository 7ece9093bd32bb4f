"""Recorded traffic is fetched, verified and cached, or the reason is said."""

import hashlib
import io
import json
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "shadow" / "traffic"))

import bring
import cassette
import registries
from cassette_samples import END, ONE


def packed(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo("top/" + name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def manifest(monkeypatch, tmp_path, data, client="pip", **more):
    """A manifest with one source whose file is `data`, and a client that brings it unless `more` says otherwise."""
    (tmp_path / "home").mkdir()
    text = {
        "name": "p",
        "client": client,
        "version": "1",
        "file": "p.bin",
        "licence": "MIT",
        "what": "w",
        "sha256": hashlib.sha256(data).hexdigest(),
        "output": "p.out",
        "format": "jsonl",
        "records": 1,
        "joined": "j",
        "path": "x",
        **more,
    }
    (tmp_path / "home" / "manifest.toml").write_text(
        "[[source]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in text.items())
    )
    calls = []

    def fetch(source, room):
        calls.append(source["name"])
        (room / "p.bin").write_bytes(data)
        return True, "said"

    monkeypatch.setattr(bring, "HERE", tmp_path / "home")
    monkeypatch.setitem(registries.CLIENTS, client, fetch)
    monkeypatch.setenv("CROSSFADE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("CROSSFADE_TRAFFIC", raising=False)
    return calls


CASSETTES = packed(
    {
        "tests/v1/cassettes/a.yaml": (ONE.format(body="null") + END).encode(),
        "setup.py": b"",
        "tests/v1/cassettes/a.frozen": b"2022-05-20T15:17:51.394Z",
    }
)


def test_a_second_run_is_offline_and_the_same(tmp_path, monkeypatch, capsys):
    """What is in the cache is verified and not fetched again, and git does not see it."""
    calls = manifest(monkeypatch, tmp_path, CASSETTES)
    for _ in range(2):
        assert bring.main([str(tmp_path / "out")]) == 0
    assert calls == ["p"]
    assert "p  1  MIT  1 records  p.out" in capsys.readouterr().out
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["records"], summary["sources"][0]["file"]) == (1, "p.out")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == [".gitignore", "p.bin"]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"sha256": "0" * 64}, "Upstream changed it"),
        ({"records": 2}, "1 records, manifest.toml says 2"),
        ({"file": "q.bin"}, "pip did not bring p 1:\nsaid"),
    ],
)
def test_a_changed_upstream_is_an_error_that_says_what_to_do(tmp_path, monkeypatch, capsys, more, why):
    """Other bytes, another count or a missing file end the run with exit code 1 and no summary."""
    manifest(monkeypatch, tmp_path, CASSETTES, **more)
    assert bring.main([str(tmp_path / "out")]) == 1
    assert why in capsys.readouterr().err
    assert not (tmp_path / "out" / "summary.json").exists()


def test_a_damaged_cache_is_an_error(tmp_path, monkeypatch, capsys):
    """A file in the cache is never trusted by its name."""
    manifest(monkeypatch, tmp_path, CASSETTES)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "p.bin").write_bytes(b"other")
    assert bring.main([str(tmp_path / "out")]) == 1
    assert "delete it, then run this again" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("client", "name"),
    [
        (registries.by_npm, "npm"),
        (registries.by_apt, "apt-get"),
        (registries.by_pip, "pip"),
        (registries.by_cargo, "cargo"),
    ],
)
def test_a_missing_client_says_what_to_install(tmp_path, monkeypatch, client, name):
    """An error names the client that is missing and where it comes from."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(registries.sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(cassette.Refused, match=rf"^{name} is not installed: "):
        client({"name": "p", "version": "1", "path": "x", "file": "y"}, tmp_path)


def test_a_crate_that_was_not_brought_is_an_error(tmp_path, monkeypatch):
    """What tells about a crate may succeed without its file: that is said, and no other file is taken."""
    cargo = tmp_path / "cargo"
    cargo.write_text("#!/bin/sh\necho about p\n")
    cargo.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "home"))
    source = {"name": "p", "version": "1", "file": "p-1.crate"}
    assert registries.by_cargo(source, tmp_path) == (
        False,
        f"about p\np-1.crate is not among the downloads of {tmp_path / 'home'}",
    )
    kept = tmp_path / "home" / "registry" / "cache" / "registry" / "p-1.crate"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"crate")
    assert registries.by_cargo(source, tmp_path) == (True, "about p")
    assert (tmp_path / "p-1.crate").read_bytes() == b"crate"


def test_the_manifest_pins_every_source():
    """Each source has a version, a licence, a sha256 and a record count, and a client that is known."""
    sources = tomllib.loads((bring.HERE / "manifest.toml").read_text())["source"]
    for source in sources:
        assert len(bytes.fromhex(source["sha256"])) == 32
        assert source["client"] in registries.CLIENTS
        assert source["records"] > 0
        assert source["version"] and source["licence"] and source["what"] and source["joined"]
    assert len({source["output"] for source in sources}) == len({source["file"] for source in sources}) == len(sources)
