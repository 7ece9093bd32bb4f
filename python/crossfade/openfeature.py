"""
Stages by feature flags: `python -m crossfade.openfeature module:provider --policy crossfade.toml`.

One process beside the service asks an OpenFeature provider for the text flags `crossfade.<route>`: `off`, `shadow`,
`canary:5`, `live`. A flag is the most that a route may be. A route that is above its flag is lowered at once; one
below is promoted step by step, by `crossfade promote`, which goes by the gate; with `--without-proof` by
`crossfade stage set`.
What goes back by itself stays there: a person sets a route on again that was rolled back, or that somebody took off.

All writing is the native binary's. No request ever asks for a flag, and the service does not know of this process.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openfeature.client import OpenFeatureClient
    from openfeature.provider import FeatureProvider

LOG = logging.getLogger("crossfade.openfeature")

WHO = "openfeature"
PREFIX = "crossfade."

PATIENCE = 30.0
"""Longest time that a command may take, in seconds: it waits two for workers, and the rest is a slow machine's."""

STAGE = re.compile(r"off|shadow|live|canary[:=](?P<percent>\d+(\.\d+)?)")


def level(stage: str) -> float:
    """How far a stage is, from 0 for `off`; a share of keys lies between `shadow`, 1, and `live`, 102."""
    found = STAGE.fullmatch(stage)
    if found is None or not 0 < (percent := float(found["percent"] or 1)) < 100:
        raise ValueError(f"{stage!r} is no stage: use off, shadow, canary:PERCENT or live")
    return {"off": 0.0, "shadow": 1.0, "live": 102.0}.get(stage, 1.0 + percent)


class Follower:
    """
    Moves stages by flags, a turn at a time.

    A flag that the provider cannot give, does not know or gives as no stage keeps its last value; one that never had a
    value moves nothing.
    """

    def __init__(
        self, client: OpenFeatureClient, command: list[str], place: list[str], *, without_proof: bool = False
    ) -> None:
        self._client = client
        self._command, self._place = command, place
        self._without_proof = without_proof
        self._wanted: dict[str, str] = {}
        self._changed: set[str] = set()
        self._said: dict[str, str] = {}

    def turn(self) -> None:
        """Looks at flags and stages once. Raises nothing: what cannot be done is logged, and tried at the next one."""
        try:
            status = json.loads(self._run("status", "--json").stdout)
            if status["stage_trouble"]:
                self._say("", logging.ERROR, status["stage_trouble"])
                return
            for route in status["routes"]:
                self._follow(route)
        except Exception as error:
            self._say("", logging.ERROR, f"{type(error).__name__}: {error}")
        else:
            self._said.pop("", None)

    def _follow(self, route: dict[str, Any]) -> None:
        name, row = route["route"], route["row"] or {}
        wanted, stage = self._flag(name), row.get("stage", "off")
        if wanted is None or level(wanted) == level(stage):
            self._changed.discard(name)
        elif level(wanted) < level(stage):
            self._lower(name, wanted)
        elif row.get("rolled_back"):
            self._say(
                name, logging.WARNING, f"{name} was rolled back ({row['rolled_back']}): a person sets it on again"
            )
        elif stage == "off" and row and row.get("who") != WHO and name not in self._changed:
            self._say(
                name, logging.WARNING, f"{name} was taken off by {row.get('who')}: change its flag to set it on again"
            )
        else:
            self._raise(name, wanted, route["ruling"])

    def _flag(self, route: str) -> str | None:
        """The last good value of a route's flag; None: it never had one."""
        try:
            details = self._client.get_string_details(PREFIX + route, "")
            if details.error_code is None and details.value:
                level(details.value)
                before = self._wanted.get(route)
                if before not in (None, details.value):
                    self._changed.add(route)
                self._wanted[route] = details.value
        except Exception as error:
            self._say(route, logging.ERROR, f"flag {PREFIX}{route}: {error}")
        return self._wanted.get(route)

    def _lower(self, route: str, wanted: str) -> None:
        why = ["--why", f"flag {PREFIX}{route} is {wanted}", "--who", WHO]
        command = ["off", route] if wanted == "off" else ["stage", "set", route, wanted]
        self._act(route, *command, *why)

    def _raise(self, route: str, wanted: str, ruling: dict[str, Any]) -> None:
        if self._without_proof:
            why = f"flag {PREFIX}{route} is {wanted}"
            self._act(route, "stage", "set", route, wanted, "--why", why, "--who", WHO)
        elif "promote" in ruling and level(ruling["promote"]) <= level(wanted):
            self._act(route, "promote", route, "--who", WHO)

    def _act(self, route: str, *arguments: str) -> None:
        done = self._run(*arguments)
        said = (done.stdout or done.stderr).strip()
        if done.returncode == 0:
            self._changed.discard(route)
            self._said.pop(route, None)
            LOG.info("%s", said)
        else:
            self._say(route, logging.ERROR, f"{' '.join(arguments[:3])}: {said}")

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*self._command, *arguments, *self._place]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)

    def _say(self, about: str, severity: int, text: str) -> None:
        """Logs what lasts once."""
        if self._said.get(about) != text:
            self._said[about] = text
            LOG.log(severity, "%s", text)


def binary() -> str:
    """The native binary: beside this Python, else wherever the shell would find it."""
    beside = Path(sys.executable).parent / "crossfade"
    found = str(beside) if beside.exists() else shutil.which("crossfade")
    if found is None:
        raise FileNotFoundError("the binary crossfade is neither beside this Python nor on PATH")
    return found


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|)", text)
    seconds = float(found[1]) / (1000 if found[2] == "ms" else 1) if found else 0.0
    if not 0.1 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no time from 100ms to 3600s, for example 1s")
    return seconds


def _provider(name: str) -> FeatureProvider:
    module, _, attribute = name.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    provider: FeatureProvider = found() if callable(found) else found
    return provider


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m crossfade.openfeature", description="Stages by feature flags.")
    parser.add_argument("provider", metavar="module:provider", help="a provider, or a function that makes one")
    parser.add_argument("--policy", metavar="FILE", default="crossfade.toml")
    parser.add_argument("--state", metavar="DIR", help="the state directory; default: .crossfade beside the policy")
    parser.add_argument("--every", metavar="TIME", type=_seconds, default="1s", help="default: 1s")
    parser.add_argument(
        "--without-proof", action="store_true", help="raise stages without the gate; the ledger says so"
    )
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    sys.path.insert(0, str(Path.cwd()))
    try:
        from openfeature import api

        command = [binary()]
        api.set_provider_and_wait(_provider(given.provider))
    except Exception as error:
        print(f"crossfade.openfeature: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    place = ["--policy", given.policy, *(["--state", given.state] if given.state else [])]
    follower = Follower(api.get_client(), command, place, without_proof=given.without_proof)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        follower.turn()
        stop.wait(given.every)
    return 0


if __name__ == "__main__":
    sys.exit(main())
