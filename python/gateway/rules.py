"""Which rule stands where: one table for each kind of body, in the order in which the rules run."""

import re
from collections.abc import Iterator
from typing import Any

from gateway.fields import (
    Default,
    Invalid,
    Rule,
    boolean,
    decimal,
    email,
    enum,
    identifier,
    integer,
    text,
    timestamp,
)
from gateway.refusals import InvalidRequest

EACH = None  # the step "[*]"
Step = str | None
STEP = re.compile(r"\[\*\]|([^.\[]+)")


class Table:
    """Rules by the path of what they change: "a.b" is a key in a key, "a[*]" every element of a list."""

    def __init__(self, rules: dict[str, Rule | Default]) -> None:
        self.rules = [(path, steps(path), rule) for path, rule in rules.items()]

    def apply(self, document: Any) -> None:
        """Change the document in place; the first value that a rule refuses ends it."""
        for path, (*parents, last), rule in self.rules:
            for parent in places(document, parents):
                if isinstance(rule, Default):
                    if isinstance(parent, dict):
                        parent.setdefault(last, rule.value)
                    continue
                for key in keys(parent, last):
                    try:
                        parent[key] = rule(parent[key])
                    except Invalid as refused:
                        raise InvalidRequest(422, refused.code, path) from None


def steps(path: str) -> list[Step]:
    return [name or EACH for name in STEP.findall(path)]


def places(node: Any, path: list[Step]) -> Iterator[Any]:
    """Every value that a path leads to, in document order."""
    if not path:
        yield node
        return
    for key in keys(node, path[0]):
        yield from places(node[key], path[1:])


def keys(node: Any, step: Step) -> Iterator[Any]:
    """The keys or indices of a node that one step leads to: none where the node is of another kind."""
    if step is EACH:
        if isinstance(node, list):
            yield from range(len(node))
    elif isinstance(node, dict) and step in node:
        yield step


API_V1 = Table(
    {
        "name": text(500),
        "title": text(500),
        "message": text(10_000),
        "description": text(10_000),
        "tags[*]": text(200),
        "type": text(100),
        "layout_type": enum({"ordered": ["auto"], "free": []}),
        "widgets[*].definition.title": text(500),
        "widgets[*].definition.title_size": integer,
        "options.thresholds.critical": decimal(2),
        "email": email,
        "share_list[*]": email,
        "config.request.certificate.cert.updatedAt": timestamp,
        "source": Default("gateway"),
    }
)

API_V2 = Table(
    {
        "data.type": enum(
            {
                "roles": ["role"],
                "users": ["user"],
                "teams": ["team"],
                "cases": ["case"],
                "notebooks": ["notebook"],
            }
        ),
        "data.id": identifier,
        "data.attributes.name": text(500),
        "data.attributes.title": text(500),
        "data.attributes.description": text(10_000),
        "data.attributes.email": email,
        "data.attributes.priority": enum({"P1": [], "P2": [], "P3": [], "P4": [], "P5": []}),
        "data.attributes.from": timestamp,
        "data.attributes.to": timestamp,
        "data.attributes.start_at": timestamp,
        "data.attributes.end_at": timestamp,
        "data.attributes.start_date": timestamp,
        "data.attributes.expires_at": timestamp,
        "data.attributes.rate": decimal(2),
        "data.attributes.tags[*]": text(200),
        "data.attributes.enabled": boolean,
        "data.attributes.origin": Default("gateway"),
        "data.attributes.layers[*].effective_date": timestamp,
        "data.attributes.layers[*].rotation_start": timestamp,
        "data.attributes.components[*].properties.children[*].properties.isVisible": boolean,
        "data.attributes.formulas[*].limit.count": integer,
        "data.relationships.project.data.id": identifier,
        "filter.from": timestamp,
        "filter.to": timestamp,
    }
)

REPOS = Table(
    {
        "title": text(500),
        "body": text(65_536),
        "name": text(200),
        "description": text(10_000),
        "key_id": integer,
        "state": enum({"open": ["reopened"], "closed": []}),
        "visibility": enum({"public": [], "private": [], "internal": []}),
        "private": boolean,
        "tagger.date": timestamp,
        "tagger.email": email,
        "committer.email": email,
        "author.email": email,
        "completed_at": timestamp,
        "auto_init": Default(False),
    }
)

WEBHOOKS = Table(
    {
        "repository.created_at": timestamp,
        "repository.updated_at": timestamp,
        "repository.pushed_at": timestamp,
        "pull_request.created_at": timestamp,
        "pull_request.updated_at": timestamp,
        "issue.created_at": timestamp,
        "issue.updated_at": timestamp,
        "comment.created_at": timestamp,
        "release.published_at": timestamp,
        "check_run.app.created_at": timestamp,
        "discussion.category.created_at": timestamp,
        "repository.description": text(10_000),
        "sender.login": text(100),
        "repository.private": boolean,
        "repository.id": integer,
    }
)
