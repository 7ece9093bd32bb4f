"""The cases of tests/corpus, with their recipes written out: see the README there."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "corpus"
PARTS = {"path": "/", "query": "", "headers": [], "body": ""}


@dataclass(frozen=True)
class Case:
    """What is asked, and what must be said."""

    place: str
    question: dict[str, Any]
    answer: dict[str, Any]

    def wrong(self, answer: dict[str, Any]) -> str | None:
        """What an answer says that the case does not, or None."""
        wanted, got = dict(self.answer), dict(answer)
        if wanted["outcome"] == "accepted":
            for part, empty in PARTS.items():
                came = self.question.get(part, empty)
                wanted[part], got[part] = wanted.get(part, came), got.get(part, came)
        named = {name: got.get(name) for name in wanted}
        missing = {"code", "field", "limit"} & (got.keys() - wanted.keys())
        if named == wanted and not missing:
            return None
        return f"says {str(got)[:300]}, not {str(wanted)[:300]}"


def cases() -> Iterator[Case]:
    for path in sorted(FOLDER.glob("*.json")):
        theme = json.loads(path.read_text())
        for case in theme["cases"]:
            policy = "\n".join([*theme["policy"], *case.get("more", [])]) + "\n"
            place = f"{path.stem}: {case['why']}"
            yield Case(place, {"policy": policy, **whole(case["request"])}, whole(case["answer"]))


def whole(tree: Any) -> Any:
    """A tree with its recipes written out."""
    if isinstance(tree, dict) and "each" in tree:
        sequences = map("".join, itertools.product(tree["words"], repeat=tree["length"]))
        return framed(tree, (tree["each"].replace("{w}", sequence) for sequence in sequences))
    if isinstance(tree, dict) and "join" in tree:
        return framed(tree, (tree["repeat"].replace("{i}", str(i)) for i in range(tree["times"])))
    if isinstance(tree, dict) and "repeat" in tree:
        return [tree["repeat"]] * tree["times"]
    if isinstance(tree, dict):
        return {name: whole(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [whole(value) for value in tree]
    return tree


def framed(recipe: dict[str, Any], pieces: Iterator[str]) -> str:
    return recipe["begin"] + recipe["join"].join(pieces) + recipe["end"]
