"""
Moves the hot path of a Python service to Rust, one route at a time, and proves that nothing changed.

The seam is the place in a service where a route can take either side::

    seam = Seam.from_file("crossfade.toml")
    seam.control("api.write", normalise_and_limit, observe=observe)
    app = CrossfadeMiddleware(service, seam)
"""

from __future__ import annotations

# First of all, and it sorts so: it refuses a stale extension.
from crossfade._build import BUILD
from crossfade.observation import Observation, Outcome
from crossfade.request import Request
from crossfade.seam import Seam

__all__ = ["BUILD", "Observation", "Outcome", "Request", "Seam"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("crossfade")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
