"""The order of a decision, and how what is outside becomes an answer."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reference import bodies, form, headers, host, path, query
from reference.answer import Answer, Checks, Outside, Refused
from reference.client import client
from reference.headers import Headers, put_in
from reference.keys import key
from reference.limits import Limit, Store
from reference.policy import Policy, Route
from reference.request import Request

T = TypeVar("T")


class Limited(Exception):
    """A limit refused."""

    def __init__(self, limit: str, retry_after: int) -> None:
        super().__init__(limit)
        self.limit, self.retry_after = limit, retry_after


@dataclass
class Decision:
    """One request of one route on its way."""

    policy: Policy
    route: Route
    request: Request
    now_us: int
    store: Store
    checks: Checks
    charges: list[tuple[str, bytes, int]] = field(default_factory=list)

    def limits(self, stand: str) -> None:
        """Hits the route's limits, if they stand here: one after the other, or all or none. A refusal ends it."""
        if self.route.table.get("limits_stand", "before-body") != stand:
            return
        who = client(self.policy.client, self.request)
        atomic = self.route.table.get("limits_charge") == "atomic"
        untouched = copy.deepcopy(self.store) if atomic else self.store
        asked: list[tuple[Limit, bytes, int]] = []
        for limit in self.route.limits:
            try:
                counted = key(limit, self.route.name, who, self.request)
            except Refused as missing:
                # Without the check the limit does not apply.
                self.checks.fired(missing)
                continue
            if counted is None:
                continue
            asked.append((limit, counted, limit.cost_of(self.request.given)))
            self.charges.append((limit.name, *asked[-1][1:]))
            if not atomic:
                self.hit(*asked.pop())
        try:
            for charge in asked:
                self.hit(*charge)
        except Limited:
            # As if nobody had asked.
            self.store.__dict__.update(untouched.__dict__)
            raise

    def hit(self, limit: Limit, counted: bytes, cost: int) -> None:
        retry_after = self.store.hit(limit, counted, cost, self.now_us)
        if retry_after is not None:
            raise Limited(limit.name, retry_after)

    def path(self) -> bytes | None:
        target = self.route.part("target")
        return None if target is None else path.normalize(target, self.request.path, self.checks)

    def query(self) -> bytes | None:
        keys = (self.route.part("target") or {}).get("query")
        return None if keys is None else query.normalize(keys, self.request.query, self.checks)

    def host(self) -> list[bytes] | None:
        rules = self.route.part("host")
        lines = [value for name, value in self.request.headers if name.lower() == b"host"]
        return None if rules is None else host.normalize(rules, lines, self.checks)

    def headers(self, hosts: list[bytes] | None) -> Headers | None:
        """The headers that go on; `hosts` are the normal forms of the `Host` lines, if they have one."""
        lines = list(self.request.headers)
        if hosts is not None:
            lines = put_in(lines, hosts)
        rules = self.route.part("headers")
        if rules is None:
            return lines
        counted = [
            part.removeprefix("header:") for limit in self.route.keyed for part in limit.parts if "header:" in part
        ]
        done = self.part(lambda: headers.normalize(rules, self.request.headers, counted, hosts, self.checks))
        return lines if done is None else done

    def body(self) -> bytes | None:
        body, bound, kind = self.request.body, self.route.max_bytes, self.request.header(b"content-type")
        if bound is not None and len(body) > bound:
            self.checks.fired(Refused("too_large"))
        json, pairs = self.route.part("json"), self.route.part("form")
        missing = not body and json is not None and json.get("required", False)
        if pairs is None and (json is None or not body) and not missing:
            return None
        media = bodies.media_type(kind, "form" if json is None else "json")
        if json is not None and body and is_json(media):
            return bodies.normalize(json, body, self.checks)
        if pairs is not None and media == b"application/x-www-form-urlencoded":
            return form.normalize(pairs, body, self.checks)
        if pairs is not None and body and media == b"multipart/form-data":
            raise Outside("form.multipart", "content_type")
        if missing:
            raise Refused("missing_body")
        return None

    def part(self, step: Callable[[], T]) -> T | None:
        """One part; where what ends it is rolled out, the whole part goes on as it came."""
        try:
            return step()
        except (Outside, Refused) as stop:
            self.checks.fired(stop)
            return None


def admit(policy: Policy, request: Request, now_us: int, store: Store, named: str | None = None) -> Answer | None:
    """What is said of one request at `now_us`; None where no route matches. Charges are made in `store`.

    A route that is `named` is not looked for.
    """
    route = policy.named(named) if named else policy.route(request.method, request.path)
    if route is None:
        return None
    checks = Checks(dict(route.part("rollout") or {}))
    decision = Decision(policy, route, request, now_us, store, checks)
    answer = Answer("accepted")
    try:
        decision.limits("before-body")
        answer.path = decision.part(decision.path)
        answer.query = decision.part(decision.query)
        answer.headers = decision.headers(decision.part(decision.host))
        answer.body = decision.part(decision.body)
        decision.limits("after-body")
    except Limited as limited:
        answer = Answer("limited", limit=limited.limit, retry_after=limited.retry_after)
    except Refused as refused:
        answer = Answer("invalid", code=refused.code, field=refused.field)
    except Outside as outside:
        if route.table.get("outside", "unsupported") == "reject":
            answer = Answer("invalid", code=outside.refused, field=outside.field)
        else:
            answer = Answer("unsupported", code=outside.why)
    answer.charges, answer.remarks = decision.charges, checks.remarks
    return answer


def is_json(media: bytes) -> bool:
    return media in (b"application/json", b"text/json") or media.endswith(b"+json")
