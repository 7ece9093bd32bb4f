"""Cases as the chapters of the specification write them: blocks with the info word `cases PART`.

Above `---` stand the TOML lines of the part's table, and `route:` lines for keys of the route; below, `before → after`,
`invalid CODE`, `unsupported CODE`, `same` or `absent`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [ROOT / "docs" / "policy.md", *sorted((ROOT / "docs" / "policy").glob("*.md"))]
SECTIONS = {
    "path": "[route.target]",
    "query": "[route.target.query]",
    "host": "[route.host]",
    "headers": "[route.headers]",
    "body": "[route.json]",
    "form": "[route.form]",
}


@dataclass(frozen=True)
class Case:
    """One line `before → after`, and where it stands."""

    place: str
    part: str
    policy: str
    before: str
    after: str

    def question(self) -> dict[str, Any]:
        """What both sides are asked."""
        question: dict[str, Any] = {"policy": self.policy, "route": "case"}
        absent = self.before == "absent"
        match self.part:
            case "path" | "query":
                question[self.part] = octets(self.before)
            case "host":
                lines = [] if absent else self.before.split(" | ")
                question["headers"] = [["host", octets(line)] for line in lines]
            case "headers":
                question["headers"] = [] if absent else headers(self.before)
            case "body":
                question["body"] = octets(self.before) if self.before.startswith('"') else raw(self.before)
                question["headers"] = [["content-type", "application/json"]]
            case "form":
                question["body"] = octets(self.before)
                question["headers"] = [["content-type", "application/x-www-form-urlencoded"]]
            case "value":
                question["body"] = "{}" if absent else raw(f'{{"v": {self.before}}}')
                question["headers"] = [["content-type", "application/json"]]
            case _:
                raise ValueError(f"{self.place}: no part {self.part}")
        return question

    def wrong(self, question: dict[str, Any], answer: dict[str, Any]) -> str | None:
        """How an answer differs from what the chapter says, or None."""
        word, _, code = self.after.partition(" ")
        if word in {"invalid", "unsupported"} and re.fullmatch(r"[a-z_.0-9]+", code):
            said = (answer.get("outcome"), answer.get("code"))
            return None if said == (word, code) else f"says {answer}"
        if answer.get("outcome") != "accepted":
            return f"says {answer}"
        got, wanted = self.got(question, answer), self.wanted(question)
        return None if got == wanted else f"says {got!r}, not {wanted!r}"

    def got(self, question: dict[str, Any], answer: dict[str, Any]) -> Any:
        """The part that goes on, rewritten or as it came."""
        key = {"form": "body", "value": "body", "host": "headers"}.get(self.part, self.part)
        sent = answer.get(key, question[key])
        match self.part:
            case "host":
                return [value for name, value in sent if name == "host"]
            case "headers":
                return [list(header) for header in sent]
            case "value":
                return exact(sent)
        return sent

    def wanted(self, question: dict[str, Any]) -> Any:
        """The same, as the chapter says it."""
        if self.after == "same":
            return self.got(question, {})
        absent = self.after == "absent"
        match self.part:
            case "host":
                return [] if absent else [octets(line) for line in self.after.split(" | ")]
            case "headers":
                return [] if absent else headers(self.after)
            case "value":
                return {} if absent else exact(raw(f'{{"v": {self.after}}}'))
            case "body":
                return octets(self.after) if self.after.startswith('"') else raw(self.after)
        return octets(self.after)


def octets(side: str) -> str:
    """A side as text whose characters are bytes: what is quoted is JSON."""
    return json.loads(side) if side.startswith('"') else raw(side)


def raw(text: str) -> str:
    """Text as its UTF-8 bytes."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def headers(side: str) -> list[list[str]]:
    """`name: value | name: value`; what is quoted is one JSON string, and its values are taken as they are."""
    pairs = []
    for field in octets(side).split(" | "):
        name, _, value = field.partition(":")
        pairs.append([name, value.removeprefix(" ") if side.startswith('"') else value.strip()])
    return pairs


def exact(body: str) -> Any:
    """A body's value with numbers as their text."""
    number = {"parse_int": number_text, "parse_float": number_text}
    return json.loads(body.encode("latin-1"), **number)  # type: ignore[arg-type]


def number_text(text: str) -> tuple[str]:
    return (text,)


def blocks(chapter: Path, word: str) -> Iterator[tuple[int, str, list[str]]]:
    """(line, rest of the info string, lines) of the fenced blocks with that info word."""
    opened: tuple[int, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(chapter.read_text().splitlines(), 1):
        if opened is None:
            if found := re.fullmatch(r"\s*```(\w+)\s*(.*)", line):
                opened, inside = (number, f"{found[1]} {found[2]}".strip()), []
        elif line.strip() == "```":
            start, info = opened
            if info.split()[0] == word:
                yield start, info.removeprefix(word).strip(), inside
            opened = None
        else:
            inside.append(line)


def policy(part: str, lines: list[str]) -> str:
    """The policy of a block: one route `case` with the block's lines in its place."""
    route = [line.removeprefix("route:").strip() for line in lines if line.startswith("route:")]
    own = [line for line in lines if not line.startswith("route:") and line.strip()]
    head = ["version = 1", "[[route]]", 'name = "case"', 'match = "* /{path*}"', *route]
    if part == "value":
        inner = ", ".join(line.strip().removesuffix(",") for line in own)
        return "\n".join(
            [*head, "[route.json]", 'output = "python_utf8"', "[route.json.fields]", f"v = {{ {inner} }}", ""]
        )
    return "\n".join([*head, SECTIONS[part], *own, ""])


def cases(chapter: Path) -> Iterator[tuple[str, str, list[Case]]]:
    """(place, policy, cases) of each block of a chapter."""
    for start, part, lines in blocks(chapter, "cases"):
        cut = lines.index("---") if "---" in lines else -1
        text = policy(part, lines[: max(cut, 0)])
        listed = []
        for number, line in enumerate(lines[cut + 1 :], start + cut + 2):
            if not line.strip():
                continue
            before, arrow, after = line.partition("→")
            place = f"{chapter.relative_to(ROOT)}:{number}"
            assert arrow, f"{place}: no arrow"
            listed.append(Case(place, part, text, before.strip(), after.strip()))
        yield f"{chapter.relative_to(ROOT)}:{start}", text, listed
