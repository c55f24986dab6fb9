"""The proxy's HTTP: the engines' completions, and its own health and metrics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp  # type: ignore[import-not-found,unused-ignore]
from aiohttp import web  # type: ignore[import-not-found,unused-ignore]

from .dispatch import ENDED, Dispatcher, error_body
from .engines import Engine, Engines
from .metrics import Metrics

log = logging.getLogger("pegaflow.proxy")
COMPLETIONS = ("/v1/completions", "/v1/chat/completions")
CHECK_SECONDS = 1.0
CHECK_TIMEOUT = aiohttp.ClientTimeout(total=3)
MAX_BODY_BYTES = 256 << 20


class Proxy:
    """The handlers and what they share."""

    def __init__(self, engines: Engines, timeout: float) -> None:
        self.engines = engines
        self.metrics = Metrics()
        self._timeout = timeout
        self._http: aiohttp.ClientSession | None = None
        self._dispatcher: Dispatcher | None = None

    def application(self) -> web.Application:
        """Serve it with handler cancellation, so that a client's end reaches the engines."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        for path in COMPLETIONS:
            app.router.add_post(path, self.complete)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/health", self.health)
        app.router.add_get("/metrics", self.export)
        app.cleanup_ctx.append(self._run)
        return app

    async def _run(self, app: web.Application) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(limit=0)
        # A compressed answer goes through as it is.
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as http:
            self._http = http
            self._dispatcher = Dispatcher(self.engines, http, self.metrics, self._timeout)
            await asyncio.gather(*(self._check(engine) for engine in self.engines.all))
            checks = [asyncio.create_task(self._watch(engine)) for engine in self.engines.all]
            yield
            for check in checks:
                check.cancel()
            await asyncio.gather(*checks, return_exceptions=True)

    async def _watch(self, engine: Engine) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self._check(engine)

    async def _check(self, engine: Engine) -> None:
        assert self._http is not None
        try:
            async with self._http.get(engine.url + "/health", timeout=CHECK_TIMEOUT) as answer:
                alive = answer.status == 200
        except ENDED:
            alive = False
        if alive != engine.alive:
            log.warning("%s is %s", engine.node, "alive" if alive else "left out")
        engine.alive = alive

    async def complete(self, request: web.Request) -> web.StreamResponse:
        assert self._dispatcher is not None
        self.metrics.running += 1
        try:
            return await self._dispatcher.serve(request)
        except (asyncio.CancelledError, ConnectionError):
            self.metrics.ended("aborted")
            raise
        finally:
            self.metrics.running -= 1

    async def models(self, request: web.Request) -> web.StreamResponse:
        """What a decode engine says."""
        pair = self.engines.pick(alone=True)
        if pair is None:
            return web.json_response(error_body("no decode engine is alive", 503), status=503)
        assert self._http is not None
        async with self._http.get(pair.decode.url + request.path) as answer:
            body = await answer.read()
        return web.Response(status=answer.status, body=body, content_type="application/json")

    async def health(self, request: web.Request) -> web.StreamResponse:
        """200 while somebody can decode; the body names who is alive."""
        alive = {engine.instance: engine.alive for engine in self.engines.all}
        status = 200 if any(engine.alive for engine in self.engines.decoders()) else 503
        return web.json_response({"engines": alive}, status=status)

    async def export(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=self.metrics.text(self.engines))
