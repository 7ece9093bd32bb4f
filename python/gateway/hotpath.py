"""What every request goes through before a backend sees it: limits first, then one normal form.

Plain functions over plain values. Each returns the request to forward,
or raises RateLimited or InvalidRequest.
"""

from collections.abc import Callable
from dataclasses import dataclass

from gateway import bodies, rules
from gateway.clients import client_key
from gateway.headers import Headers, first
from gateway.limiting import limit_api, limit_login, limit_pages, limit_webhooks
from gateway.targets import canonical_path, canonical_query


@dataclass(frozen=True, slots=True)
class Forward:
    """The request that goes on to a backend; body None means the body as it came, or none."""

    method: str
    path: str
    query: str
    body: bytes | None


Decide = Callable[[str, bytes, bytes, Headers, str | None, bytes], Forward]


def page(method: str, raw_path: bytes, query_string: bytes, headers: Headers, peer: str | None, body: bytes) -> Forward:
    """GET and HEAD of blog pages."""
    limit_pages(client_key(peer, headers))
    return page_target(method, raw_path, query_string)


def login(
    method: str, raw_path: bytes, query_string: bytes, headers: Headers, peer: str | None, body: bytes
) -> Forward:
    """POST of the two doors that attackers try: wp-login.php (a form) and xmlrpc.php (XML)."""
    limit_login(client_key(peer, headers))
    return page_target(method, raw_path, query_string)


def api_v1(
    method: str, raw_path: bytes, query_string: bytes, headers: Headers, peer: str | None, body: bytes
) -> Forward:
    """/api/v1/…"""
    return api(method, raw_path, query_string, headers, body, rules.API_V1)


def api_v2(
    method: str, raw_path: bytes, query_string: bytes, headers: Headers, peer: str | None, body: bytes
) -> Forward:
    """/api/v2/…"""
    return api(method, raw_path, query_string, headers, body, rules.API_V2)


def repos(
    method: str, raw_path: bytes, query_string: bytes, headers: Headers, peer: str | None, body: bytes
) -> Forward:
    """/repos/…"""
    return api(method, raw_path, query_string, headers, body, rules.REPOS)


def webhook(
    method: str, raw_path: bytes, query_string: bytes, headers: Headers, peer: str | None, body: bytes
) -> Forward:
    """POST /webhooks: events that a code host sends us."""
    limit_webhooks(first(headers, b"x-github-hook-id") or "unknown")
    return api_target(method, raw_path, query_string, headers, body, rules.WEBHOOKS)


def api(
    method: str, raw_path: bytes, query_string: bytes, headers: Headers, body: bytes, table: rules.Table
) -> Forward:
    # Before the body: somebody over the limit must not cost us a parse. All APIs share one quota.
    limit_api(first(headers, b"authorization") or "anonymous")
    return api_target(method, raw_path, query_string, headers, body, table)


def page_target(method: str, raw_path: bytes, query_string: bytes) -> Forward:
    path = canonical_path(raw_path)
    return Forward(method, path, canonical_query(query_string, drop_tracking=True), None)


def api_target(
    method: str, raw_path: bytes, query_string: bytes, headers: Headers, body: bytes, table: rules.Table
) -> Forward:
    path = canonical_path(raw_path)
    query = canonical_query(query_string, drop_tracking=False)
    return Forward(method, path, query, bodies.normalise(body, first(headers, b"content-type"), table))
