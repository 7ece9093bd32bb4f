"""Stand-ins for the blog and the API: real HTTP servers that answer what they were asked.

`python -m gateway.backends blog` serves on a free port, prints the port, and ends when its
standard input does.
"""

import asyncio
import hashlib
import signal
import sys

from aiohttp import web


class Echo:
    """Answers with the request as it arrived, so that a test sees what the gateway sent."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        digest = hashlib.sha256()
        length = 0
        async for chunk in request.content.iter_any():
            digest.update(chunk)
            length += len(chunk)
        return web.json_response(
            {
                "backend": self.name,
                "method": request.method,
                "target": request.raw_path,
                "body_sha256": digest.hexdigest(),
                "body_length": length,
                "content_type": request.headers.get("content-type"),
            }
        )


async def serve(name: str) -> None:
    runner = web.ServerRunner(web.Server(Echo(name), access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    # However the gateway ends, its end of the pipe is closed: no backend outlives it.
    await asyncio.to_thread(sys.stdin.buffer.read)
    await runner.cleanup()


if __name__ == "__main__":
    # Ctrl-C reaches the whole process group; the gateway still needs us for what it has begun.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve(sys.argv[1]))
