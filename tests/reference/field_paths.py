"""Field paths, and the tree of all rules of a policy.

Source: docs/policy/bodies.md, "Field paths" and "Field rules".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

ITEMS = None
"""The step into every item of an array; other steps are names."""

STEP = re.compile(r'(?:^|\.)"([^"]*)"|(?:^|\.)([^."\[\]]+)|(\[\*\])')


@dataclass(eq=False)
class Rule:
    """One rule: its place in the file, its path as it is written, its table."""

    index: int
    path: str
    table: dict[str, Any]
    steps: list[str | None]

    @property
    def rolled_out(self) -> bool:
        return self.table.get("rollout", "enforce") != "enforce"

    @property
    def name(self) -> str | None:
        """The member's name, or None for an item."""
        return self.steps[-1]

    @property
    def written_name(self) -> str:
        """The name that a member is written under."""
        name = self.table.get("rename", self.name)
        assert name is not None
        return name


@dataclass(eq=False)
class Place:
    """Where paths lead: the rule that ends here, and where names and items lead from here."""

    rule: Rule | None = None
    names: dict[str, Place] = field(default_factory=dict)
    items: Place | None = None

    def member(self, name: str) -> Place | None:
        """Where a member's name leads; a field that is renamed is known under both names."""
        if name in self.names:
            return self.names[name]
        for place in self.names.values():
            if place.rule and place.rule.table.get("rename") == name:
                return place
        return None

    def rules(self) -> list[Rule]:
        """The rules of this object's members, in the order of the file."""
        return sorted((p.rule for p in self.names.values() if p.rule), key=lambda rule: rule.index)


def steps(path: str) -> list[str | None]:
    """The names of a path, and None for `[*]`."""
    found, at = [], 0
    while at < len(path):
        step = STEP.match(path, at)
        assert step, path
        found.append(ITEMS if step[3] else step[1] if step[1] is not None else step[2])
        at = step.end()
    return found


def tree(fields: dict[str, dict[str, Any]]) -> Place:
    """All rules of a policy, by where they lead from the body's outermost value."""
    root = Place()
    for index, (path, table) in enumerate(fields.items()):
        rule = Rule(index, path, table, steps(path))
        place = root
        for step in rule.steps:
            if step is ITEMS:
                place.items = place = place.items or Place()
            else:
                place = place.names.setdefault(step, Place())
        place.rule = rule
    return root
