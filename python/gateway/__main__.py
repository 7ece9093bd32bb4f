"""`python -m gateway`: the two backends and the gateway in front of them."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from uvicorn.supervisors import Multiprocess

BACKENDS = {"blog": "GATEWAY_BLOG_BACKEND", "api": "GATEWAY_API_BACKEND"}
STARTUP_SECONDS = 30


def main() -> None:
    options = parse_arguments()
    with ExitStack() as stack:
        for name, variable in BACKENDS.items():
            if variable not in os.environ:
                # The workers inherit it.
                os.environ[variable] = stack.enter_context(backend(name))
        serve(options)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m gateway", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--app", default="gateway.app:app", metavar="MODULE:ATTRIBUTE")
    parser.add_argument("--no-access-log", action="store_true")
    return parser.parse_args()


@contextmanager
def backend(name: str) -> Iterator[str]:
    """One backend in a process of its own, as long as the block lasts; its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.backends", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise SystemExit(f"the {name} backend did not start")
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stdin.close()  # its sign to end


def serve(options: argparse.Namespace) -> None:
    config = uvicorn.Config(
        options.app,
        port=options.port,
        workers=options.workers,
        access_log=not options.no_access_log,
        # clients.py reads X-Forwarded-For, and has to see the real peer to know whether it may.
        proxy_headers=False,
    )
    workers = Workers(config, [config.bind_socket()])
    workers.run()
    if not workers.announced:
        raise SystemExit("the gateway did not start")


class Workers(Multiprocess):
    """uvicorn's workers, announced when all of them serve."""

    announced = False

    def init_processes(self) -> None:
        super().init_processes()
        if all(process.wait_until_ready(STARTUP_SECONDS) for process in self.processes):
            host, port = self.sockets[0].getsockname()[:2]
            print(f"gateway: http://{host}:{port} ({self.processes_num} workers)", flush=True)
            self.announced = True


if __name__ == "__main__":
    main()
