"""Serves one request: both legs at once, and another try while the client has seen nothing.

A try ends early when prefill's leg fails: decode would wait for KV that never comes. Once the
first byte of decode's answer went to the client there is no other try, so nothing is sent twice.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp  # type: ignore[import-not-found,unused-ignore]
from aiohttp import web  # type: ignore[import-not-found,unused-ignore]

from .engines import Engine, Engines, Pair
from .legs import Legs, Request, bodies
from .metrics import Metrics

ATTEMPTS = 3
ENDED = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
# Of one connection, not of the message; the body's length is set anew.
HOP = frozenset(("connection", "keep-alive", "transfer-encoding", "content-length", "host", "te"))
SSE_ERROR = b'data: {"error"'
HANDED_OVER = b'"do_remote_prefill"'  # prefill's parameters for decode; without KV there are none


class LegFailed(Exception):
    """A leg came to nothing before the client saw anything; `engine` is to be avoided."""

    def __init__(self, engine: Engine, text: str, status: int = 502) -> None:
        super().__init__(f"{engine.node}: {text}")
        self.engine = engine
        self.status = status


def error_body(text: str, status: int) -> dict[str, Any]:
    """An error as the engines write theirs."""
    return {"error": {"message": text, "type": "proxy_error", "code": status}}


class Dispatcher:
    """Sends requests to pairs of engines."""

    def __init__(
        self, engines: Engines, http: aiohttp.ClientSession, metrics: Metrics, timeout: float
    ) -> None:
        self._engines = engines
        self._http = http
        self._metrics = metrics
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=5)

    async def serve(self, client: web.Request) -> web.StreamResponse:
        """Answers the client; cancelled when the client goes, which ends both legs."""
        request = Request.read(client.path, await client.read())
        headers = {k: v for k, v in client.headers.items() if k.lower() not in HOP}
        avoid: frozenset[str] = frozenset()
        failure: LegFailed | None = None
        for _ in range(ATTEMPTS):
            pair = self._engines.pick(avoid, request.alone)
            if pair is None:
                break
            try:
                return await self._attempt(client, request, headers, pair)
            except LegFailed as failed:
                failure = failed
                avoid |= {failed.engine.node}
                self._metrics.retries += 1
        status = failure.status if failure else 503
        text = str(failure) if failure else "no decode engine is alive"
        self._metrics.ended("refused")
        return web.json_response(error_body(text, status), status=status)

    async def _attempt(
        self, client: web.Request, request: Request, headers: Mapping[str, str], pair: Pair
    ) -> web.StreamResponse:
        legs = bodies(request, pair)
        prefill = self._start_prefill(request, headers, pair, legs)
        started = time.monotonic()
        try:
            async with self._decode(request, headers, pair.decode, legs, prefill) as (
                answer,
                first,
            ):
                self._metrics.first_byte.observe(time.monotonic() - started)
                return await self._forward(client, pair.decode, answer, first)
        finally:
            if prefill is not None:
                await _end(prefill)

    # ---- prefill
    def _start_prefill(
        self, request: Request, headers: Mapping[str, str], pair: Pair, legs: Legs
    ) -> asyncio.Task[None] | None:
        if pair.prefill is None or legs.prefill is None:
            return None
        call = self._prefill(request.path, headers, pair.prefill, legs.prefill)
        return asyncio.create_task(call)

    async def _prefill(
        self, path: str, headers: Mapping[str, str], engine: Engine, body: bytes
    ) -> None:
        engine.requests += 1
        try:
            async with self._http.post(
                engine.url + path, data=body, headers=headers, timeout=self._timeout
            ) as answer:
                text = await answer.read()
        except ENDED as error:
            engine.alive = False  # until it answers a health check again
            raise LegFailed(engine, f"prefill: {error!r}") from error
        # What the client did wrong decode will say, too, and to the client.
        if answer.status >= 500:
            raise LegFailed(engine, f"prefill answered {answer.status}", answer.status)
        if answer.status == 200 and HANDED_OVER not in text:
            raise LegFailed(engine, "prefill hands nothing over; is its agent gone?")

    # ---- decode
    @asynccontextmanager
    async def _decode(
        self,
        request: Request,
        headers: Mapping[str, str],
        engine: Engine,
        legs: Legs,
        prefill: asyncio.Task[None] | None,
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, bytes]]:
        """Decode's answer and its first bytes, unless one of the legs fails before."""
        engine.requests += 1
        opening = asyncio.create_task(self._open(request, headers, engine, legs.decode))
        try:
            waited = {opening, prefill} if prefill is not None else {opening}
            while not opening.done():
                done, waited = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
                if prefill is not None and prefill in done and not opening.done():
                    prefill.result()
            answer, first = opening.result()
            try:
                yield answer, first
            finally:
                answer.close()
        finally:
            await _end(opening)

    async def _open(
        self, request: Request, headers: Mapping[str, str], engine: Engine, body: bytes
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        try:
            answer = await self._http.post(
                engine.url + request.path, data=body, headers=headers, timeout=self._timeout
            )
        except ENDED as error:
            engine.alive = False
            raise LegFailed(engine, f"decode: {error!r}") from error
        try:
            first = await answer.content.readany()
        except ENDED as error:
            engine.alive = False
            raise LegFailed(engine, f"decode: {error!r}") from error
        except asyncio.CancelledError:
            answer.close()
            raise
        if answer.status >= 500 or (request.streams and first.startswith(SSE_ERROR)):
            answer.close()
            raise LegFailed(engine, f"decode answered {answer.status}: {first[:300]!r}", 502)
        return answer, first

    async def _forward(
        self, client: web.Request, engine: Engine, answer: aiohttp.ClientResponse, first: bytes
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
        await response.prepare(client)
        await response.write(first)
        while True:
            try:
                chunk = await answer.content.readany()
            except ENDED as error:
                engine.alive = False
                return await self._break_off(client, response, f"{engine.node}: decode: {error!r}")
            if not chunk:
                break
            await response.write(chunk)
        await response.write_eof()
        self._metrics.ended("served")
        return response

    async def _break_off(
        self, client: web.Request, response: web.StreamResponse, text: str
    ) -> web.StreamResponse:
        """Decode died within its answer: an event says so, and the answer does not end well."""
        self._metrics.ended("broken")
        if response.content_type == "text/event-stream":
            await response.write(b"data: " + json.dumps(error_body(text, 502)).encode() + b"\n\n")
        if client.transport is not None:
            client.transport.close()
        return response


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in HOP}


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancels what is not over, and takes its result, whatever it is."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()
