"""All field rules on one body, in one walk.

Source: docs/policy/bodies.md, "Field rules" and "Rollout".
"""

from __future__ import annotations

from typing import Any

from reference import fields, json_bounds
from reference.answer import Outside, Refused
from reference.field_paths import Place, Rule
from reference.fields import LEFT_OUT
from reference.json_text import Members, Number, Unread


class Pass:
    """One walk through one body.

    `refusals` holds the first of each rule that refused or met something outside, `remarks` (code, path) pairs;
    `formless` says that an operation gave a number that `jcs` cannot write.
    """

    def __init__(self, root: Place, unknown: str, jcs: bool) -> None:
        self.root, self.unknown, self.jcs = root, unknown, jcs
        self.refusals: dict[Rule, Outside | Refused] = {}
        self.remarks: list[tuple[str, str | None]] = []
        self.unknown_found = self.formless = False

    def run(self, body: Any) -> Any:
        """The body that the rules make of it."""
        return self.inside(self.root, self.treated(None, body))

    def inside(self, place: Place | None, value: Any) -> Any:
        """A value that stays, with the rules of what lies inside applied."""
        if isinstance(value, Members):
            return self.members(place, value)
        if isinstance(value, list):
            within = place.items if place else None
            return [self.inside(within, self.treated(within.rule if within else None, item)) for item in value]
        return value

    def members(self, place: Place | None, found: Members) -> Members:
        written = Members()
        present: set[str] = set()
        for name, value in found:
            known = place.member(name) if place else None
            if known is None and place and place.names:
                if self.unknown == "drop":
                    continue
                self.unknown_found |= self.unknown == "reject"
            rule = known.rule if known else None
            new = self.treated(rule, value)
            if rule is None or not self.would_leave_out(rule, value):
                present.add(name)
            if new is LEFT_OUT:
                continue
            if rule is not None and rule.written_name != name and name in present:
                if rule.rolled_out:
                    self.remarks.append(("renamed", rule.path))
                else:
                    name = rule.written_name
            written.append([name, self.inside(known, new)])
        for rule in place.rules() if place else []:
            self.presence(rule, present, written)
        return written

    def treated(self, rule: Rule | None, value: Any) -> Any:
        """What stands in a value's place, or `LEFT_OUT`; what refuses is written down and the value stays."""
        if self.jcs and isinstance(value, Number):
            value = json_bounds.formed(value)
        if rule is None or (isinstance(value, Unread) and not rule.table.get("drop")):
            return value
        kept: list[str] = []
        try:
            new = self.of_rule(rule, value, kept)
        except (Outside, Refused) as stop:
            if rule.rolled_out:
                self.remarks.append((stop.code, rule.path))
            else:
                self.refuse(rule, stop)
            return value
        self.remarks += [(code, rule.path) for code in kept]
        if isinstance(new, Unread) and not rule.rolled_out:
            self.formless = True
            return value
        if not rule.rolled_out:
            return new
        if new is LEFT_OUT:
            self.remarks.append(("dropped", rule.path))
        elif differs(new, value):
            self.remarks.append(("changed", rule.path))
        return value

    def of_rule(self, rule: Rule, value: Any, kept: list[str]) -> Any:
        new = fields.treat(rule.table, value, kept.append)
        if self.jcs and isinstance(new, Number) and differs(new, value):
            return json_bounds.formed_result(new)
        return new

    def would_leave_out(self, rule: Rule, value: Any) -> bool:
        """Whether the rule, enforced, leaves such a member out: it is then absent."""
        try:
            if isinstance(value, Unread):
                return rule.table.get("drop", False)
            return fields.treat(rule.table, value) is LEFT_OUT
        except (Outside, Refused):
            return False

    def presence(self, rule: Rule, present: set[str], written: Members) -> None:
        """What an object's end says of one rule."""
        table = rule.table
        under = {rule.name, rule.written_name} & present
        if len(under) > 1:
            code = "rename_conflict"
        elif under or not ("default" in table or table.get("required")):
            return
        else:
            code = "missing" if table.get("required") else "added"
        if rule.rolled_out:
            self.remarks.append((code, rule.path))
        elif code == "added":
            written.append([rule.written_name, self.default(table["default"])])
        else:
            self.refuse(rule, Refused(code))

    def default(self, value: Any) -> Any:
        """A default: a number as TOML spells it, without `+` and `_`."""
        if isinstance(value, bool) or (isinstance(value, str) and not isinstance(value, Number)):
            return value
        number = Number(str(value).removeprefix("+").replace("_", ""))
        return json_bounds.formed(number) if self.jcs else number

    def refuse(self, rule: Rule, stop: Outside | Refused) -> None:
        stop.field = rule.path
        self.refusals.setdefault(rule, stop)


def differs(new: Any, value: Any) -> bool:
    """Whether two scalars are written differently; containers are never changed by their own rule."""
    return not isinstance(value, list) and (type(new) is not type(value) or new != value)
