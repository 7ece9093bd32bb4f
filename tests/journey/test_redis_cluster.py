"""Journey: a node of a Redis cluster, which answers for the slots that it has and one slot at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import real_redis
from real_redis import Server, Store

TWO = "fixed-window 3/1hour a 1 sliding-window-counter 5/1hour b 1"
SLOTS = 16_384


@pytest.fixture
def node(tmp_path: Path, until) -> Iterator[Server]:  # type: ignore[no-untyped-def]
    """A cluster of one node, which has all slots."""
    bus = ("--cluster-port", str(real_redis.free_port()))
    with real_redis.server("--cluster-enabled", "yes", *bus, "--dir", str(tmp_path)) as running:
        running.client.execute_command("CLUSTER", "ADDSLOTS", *range(SLOTS))
        until(lambda: "cluster_state:ok" in str(running.client.execute_command("CLUSTER", "INFO")))
        yield running


@pytest.mark.parametrize("counting", ["sync", "lease", "write-behind"])
def test_a_cluster_wants_all_keys_in_one_slot(counting: str, node: Server) -> None:
    """
    A request's limits are one script, and their keys in several slots: a cluster refuses it, and what stands in for the
    server answers. A tag in the prefix puts all keys in the tag's slot, also that of who is there.
    """
    options = ("timeout=5000", f"counting={counting}")
    with Store(node.port, *options) as apart, Store(node.port, *options, "key_prefix={tag}") as together:
        assert apart.hit(TWO)[1] == "Degraded"
        assert apart.stats()["refusals"] == 1
        assert together.hit(TWO)[1] == "Server"
        assert [hit.remaining for hit in together.hit(TWO)[0]] == [1, 3]
        assert together.stats()["hosts"] == 1
    keys = [key.decode() for key in node.client.scan_iter()]
    slots = {node.client.execute_command("CLUSTER", "KEYSLOT", key) for key in keys if key.startswith("{tag}")}
    assert len(slots) == 1 and "{tag}:LIMITER/crossfade/hosts" in keys


def test_a_node_without_the_slot_is_no_server(node: Server) -> None:
    """A cluster is not followed: a node that names another one for a key has not counted it."""
    slot = node.client.execute_command("CLUSTER", "KEYSLOT", "LIMITS:LIMITER/a/3/1/hour")
    node.client.execute_command("CLUSTER", "DELSLOTS", slot)
    with Store(node.port, "timeout=5000") as store:
        assert store.hit("fixed-window 3/1hour a 1")[1] == "Degraded"
        assert store.stats()["refusals"] == 1
