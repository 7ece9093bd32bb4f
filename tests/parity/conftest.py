"""The candidate, started once for all parity tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from parity.candidate import Candidate
from parity.candidate import candidate as started
from parity.hand_clock import clock

__all__ = ["candidate", "clock"]


@pytest.fixture(scope="session")
def candidate() -> Iterator[Candidate]:
    with started() as running:
        yield running
