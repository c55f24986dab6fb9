"""Completion requests, and when their tokens came. Bodies are made before the clock starts."""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field

import aiohttp

FIRST_WORD = 3  # those before are special


@dataclass
class Sample:
    """One request. Times in nanoseconds of CLOCK_MONOTONIC."""

    request_id: str
    sent: int = 0
    came: list[int] = field(default_factory=list)  # when each event with tokens came
    tokens: list[int] = field(default_factory=list)
    error: str = ""

    @property
    def ttft_ms(self) -> float:
        return (self.came[0] - self.sent) / 1e6

    @property
    def gaps_ms(self) -> list[float]:
        return [(after - before) / 1e6 for before, after in zip(self.came, self.came[1:])]


class Client:
    """Sends random prompts of exact lengths. Never raises for what a server answers."""

    def __init__(self, words: int, seed: int, limit_seconds: float) -> None:
        self._words = words
        self._random = random.Random(seed)
        self._limit = aiohttp.ClientTimeout(total=limit_seconds)
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Client:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=600)
        self._http = aiohttp.ClientSession(
            connector=connector, timeout=self._limit, read_bufsize=1 << 20
        )
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._http is not None
        await self._http.close()

    def prompt(self, length: int) -> list[int]:
        return self._random.choices(range(FIRST_WORD, self._words), k=length)

    async def ask(self, url: str, prompt: list[int], tokens: int, sample: Sample) -> Sample:
        """Streams `tokens` greedy tokens into the sample."""
        asked = {"model": "m", "prompt": prompt, "max_tokens": tokens, "temperature": 0}
        asked |= {"ignore_eos": True, "stream": True, "return_token_ids": True}
        body = json.dumps(asked).encode()
        headers = {"Content-Type": "application/json", "X-Request-Id": sample.request_id}
        sample.sent = time.monotonic_ns()
        try:
            await self._stream(url, body, headers, sample)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            sample.error = repr(error)
        if not sample.came and not sample.error:
            sample.error = "no token came"
        return sample

    async def _stream(self, url: str, body: bytes, headers: dict[str, str], sample: Sample) -> None:
        assert self._http is not None
        path = url + "/v1/completions"
        async with self._http.post(path, data=body, headers=headers) as answer:
            if answer.status != 200:
                sample.error = f"{answer.status}: {(await answer.text())[:500]}"
                return
            async for line in answer.content:
                if not line.startswith(b"data: {"):
                    continue
                now = time.monotonic_ns()
                event = json.loads(line[6:])
                if "error" in event:
                    sample.error = str(event["error"])[:500]
                    return
                new = [token for one in event["choices"] for token in one.get("token_ids") or []]
                if new:
                    sample.came.append(now)
                    sample.tokens += new
