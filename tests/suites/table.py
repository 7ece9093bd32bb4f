"""The table of docs/conformance.md: what each suite counted.

    python tests/suites/table.py --write

writes it anew; without `--write` it is printed. It ends with exit code 1 if a suite does not come out as it must.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "conformance.md"
BEGIN, END = "<!-- written by tests/suites/table.py -->\n", "<!-- up to here -->\n"
NAMED = 4  # so many names of an exclusion are listed one by one

if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "python")]

from suites import SUITES  # noqa: E402
from suites.sources import source  # noqa: E402
from suites.suite import Exclusion, Suite, Tally  # noqa: E402

Tallied = Callable[[Suite], Tally]


def written(tallied: Tallied) -> str:
    """The text between the two marks."""
    rows = ["| suite | from | agreement is | cases | agree | excluded |", "|---|---|---|---|---|---|"]
    reasons = ["| suite | excluded | is | because |", "|---|---|---|---|"]
    verdicts = []
    for suite in SUITES:
        tally = tallied(suite)
        excluded = sum(len(names) for names in tally.excluded.values())
        counts = f"{tally.cases:,} | {tally.agreed:,} | {excluded:,}"
        if tally.alone:
            counts += f" ({tally.alone:,} asked of the candidate alone)"
        rows.append(f"| {suite.title} | {', '.join(map(package, suite.packages))} | {suite.law} | {counts} |")
        reasons += [
            f"| {suite.title} | {cell(listed(exclusion, names))} | {cell(f'`{exclusion.says}`')} | {exclusion.reason} |"
            for exclusion, names in tally.excluded.items()
        ]
        if suite.shows_verdicts:
            said = ", ".join(f"`{code}` {count}" for code, count in sorted(tally.verdicts.items()))
            verdicts.append(f"{suite.title}: {said}.\n")
    return "\n".join(["", *rows, "", *verdicts, *reasons, "", ""])


def package(name: str) -> str:
    where = {"pip": "PyPI", "npm": "npm", "apt": "Debian", "cargo": "crates.io"}
    return "ours" if name == "ours" else f"{where[source(name)['client']]} `{name}` {source(name)['version']}"


def listed(exclusion: Exclusion, names: list[str]) -> str:
    if len(names) <= NAMED:
        return ", ".join(f"`{name}`" for name in names)
    if isinstance(exclusion.names, str):
        return f"{len(names):,} that match `{exclusion.names}`"
    return f"{len(names):,}, as `{names[0]}`"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", "␊")


def page(table: str) -> str:
    """The whole page with this table in it."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    return before + BEGIN + table + END + rest.partition(END)[2]


def main(arguments: list[str]) -> int:
    from suites.sides import both
    from suites.suite import run

    with both() as (candidate, oracle):
        tallies = {suite.title: run(suite, candidate, oracle) for suite in SUITES}
    wrong = [f"{title}: {one}" for title, tally in tallies.items() for one in tally.wrong]
    print("\n".join(wrong), file=sys.stderr)
    table = written(lambda suite: tallies[suite.title])
    if "--write" in arguments:
        PAGE.write_text(page(table), "utf-8")
    else:
        print(table)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
