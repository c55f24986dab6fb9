"""A router that calls prefill, then decode, with the six usual keys: serial_router.py PORT P D.

For NixlConnector and for PegaFlow alike. It changes bodies as bytes, as pegaflow-proxy does, so
that the two dispatch modes differ in nothing else. The answer's header `x-prefill-ms` is the first
leg's time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web
from pegaflow.proxy import members
from pegaflow.vllm.params import SIX_KEYS

ONE_TOKEN = {"stream": False, "max_tokens": 1, "kv_transfer_params": SIX_KEYS}
DROPPED = frozenset(("stream_options", "min_tokens", "return_token_ids"))


class Router:
    """One prefill and one decode engine."""

    def __init__(self, prefill: str, decode: str) -> None:
        self._prefill, self._decode = prefill, decode
        self._http: aiohttp.ClientSession | None = None

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as self._http:
            yield

    async def complete(self, request: web.Request) -> web.StreamResponse:
        assert self._http is not None
        body = await request.read()
        found = members.members(body)
        headers = {"Content-Type": "application/json"}
        if "X-Request-Id" in request.headers:
            headers["X-Request-Id"] = request.headers["X-Request-Id"]
        begin = time.monotonic()
        leg = members.changed(found, ONE_TOKEN, DROPPED)
        async with self._http.post(self._prefill + request.path, data=leg, headers=headers) as one:
            answer = await one.read()
            if one.status != 200:
                return web.Response(status=one.status, body=answer)
        took = time.monotonic() - begin
        params = json.loads(answer).get("kv_transfer_params")
        if not params:
            return web.Response(status=502, text="prefill gave no kv_transfer_params")
        leg = members.changed(found, {"kv_transfer_params": params}, frozenset())
        async with self._http.post(self._decode + request.path, data=leg, headers=headers) as two:
            told = {"Content-Type": two.content_type, "x-prefill-ms": f"{took * 1e3:.3f}"}
            response = web.StreamResponse(status=two.status, headers=told)
            await response.prepare(request)
            async for chunk in two.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response


async def health(request: web.Request) -> web.Response:
    return web.Response()


def main() -> None:
    port, prefill, decode = sys.argv[1:]
    router = Router(prefill, decode)
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/v1/completions", router.complete)
    app.router.add_get("/health", health)
    app.cleanup_ctx.append(router.run)
    web.run_app(app, host="127.0.0.1", port=int(port), print=None, access_log=None)


if __name__ == "__main__":
    main()
