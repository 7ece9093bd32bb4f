"""
The committed corpus of each fuzz target: one input a line, as JSON text whose characters are bytes (Latin-1).

`unpack DIRECTORY` writes the inputs as files, which is what the fuzzer reads; `pack DIRECTORY` takes over the inputs of
a directory that was made small (`cargo fuzz cmin`), the short ones only: a corpus is for reading too.
"""

import argparse
import hashlib
import json
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = ["json", "path", "query", "headers", "admit"]
LONGEST = 160
"""Bytes of an input that is kept; longer ones say nothing that a short one does not, or are a case of their own."""
MOST = 400
"""Inputs kept for a target, the shortest first."""


def file(target: str) -> Path:
    return HERE / "corpus" / f"{target}.jsonl"


def unpack(directory: Path) -> None:
    for target in TARGETS:
        folder = directory / target
        folder.mkdir(parents=True, exist_ok=True)
        for line in file(target).read_text().splitlines():
            data = json.loads(line).encode("latin-1")
            (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def pack(directory: Path) -> None:
    for target in TARGETS:
        inputs = {path.read_bytes() for path in (directory / target).glob("*")}
        kept = sorted((data for data in inputs if len(data) <= LONGEST), key=lambda data: (len(data), data))[:MOST]
        file(target).write_text("".join(json.dumps(data.decode("latin-1")) + "\n" for data in kept))
        print(f"{target}: {len(kept)} of {len(inputs)} inputs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["unpack", "pack"])
    parser.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    {"unpack": unpack, "pack": pack}[arguments.what](arguments.directory)


if __name__ == "__main__":
    main()
