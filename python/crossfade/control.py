"""
A control worker: `python -m crossfade.control module:seam`.

Runs the controls of a seam over recorded requests, each at its recorded time, for `crossfade replay`. It speaks frames
over its standard input and output; whatever the service prints goes to standard error.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import select
import sys
from typing import BinaryIO

# Before the service is imported: what it binds at import must be the clock that can be stopped.
from crossfade import _clock


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or ":" not in arguments[0]:
        print("usage: python -m crossfade.control module:seam", file=sys.stderr)
        return 2
    incoming = sys.stdin.buffer
    # The service may print: its standard output becomes our standard error, and the pipe stays ours.
    outgoing = os.fdopen(os.dup(1), "wb", buffering=1 << 16)
    os.dup2(2, 1)
    sys.path.insert(0, str(os.getcwd()))  # noqa: PTH109 - as `python -m` does for the service itself
    _clock.install()
    return _serve(arguments[0], incoming, outgoing)


def _serve(name: str, incoming: BinaryIO, outgoing: BinaryIO) -> int:
    from crossfade._core import decode_call, encode_hello, encode_reply
    from crossfade.observe import _limits
    from crossfade.request import Request
    from crossfade.seam import Seam

    module, _, attribute = name.partition(":")
    try:
        seam = getattr(importlib.import_module(module), attribute)
        if not isinstance(seam, Seam):
            raise TypeError(f"{name} is no crossfade.Seam but {type(seam).__name__}")
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        outgoing.write(encode_hello(control_digest="", routes=[], error=message))
        outgoing.flush()
        return 1
    outgoing.write(encode_hello(control_digest=seam.control_digest(), routes=list(seam.controls()), error=None))
    outgoing.flush()

    with asyncio.Runner() as runner:
        while len(head := incoming.read(4)) == 4:
            route, received_at, scope, body = decode_call(incoming.read(int.from_bytes(head, "big")))
            _clock.stand_at(received_at)
            _limits.keep_replayable(received_at)
            control = seam.controls().get(route)
            request = Request(scope, body)
            if control is None:
                observation = None
            elif control.is_async:
                observation = runner.run(seam.observe_async(control, request, received_at))
            else:
                observation = seam.observe(control, request, received_at)
            outgoing.write(encode_reply(observation))
            # A reply waits for company only while the next call is there already.
            if not select.select([incoming], [], [], 0)[0]:
                outgoing.flush()
    outgoing.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
