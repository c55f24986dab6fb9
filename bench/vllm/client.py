"""Completion requests, and when their tokens came.

While times are taken nothing else is done: requests are written before, and events, of which the
first repeats the prompt, are read after all of them have come.
"""

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
    events: list[tuple[int, bytes]] = field(default_factory=list)  # as they came, not yet read
    came: list[int] = field(default_factory=list)  # when each event with tokens came
    tokens: list[int] = field(default_factory=list)
    error: str = ""

    def read(self) -> None:
        """Reads the events."""
        events, self.events = self.events, []
        for came, line in events:
            event = json.loads(line)
            if "error" in event:
                self.error = str(event["error"])[:500]
                return
            new = [token for one in event["choices"] for token in one.get("token_ids") or []]
            if new:
                self.came.append(came)
                self.tokens += new

    @property
    def ttft_ms(self) -> float:
        return (self.came[0] - self.sent) / 1e6

    @property
    def gaps_ms(self) -> list[float]:
        return [(after - before) / 1e6 for before, after in zip(self.came, self.came[1:])]


@dataclass(frozen=True)
class Question:
    """A request, written."""

    length: int  # of the prompt, in tokens
    body: bytes


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

    def question(self, prompt: list[int], tokens: int) -> Question:
        """For a stream of that many greedy tokens."""
        asked = {"model": "m", "prompt": prompt, "max_tokens": tokens, "temperature": 0}
        asked |= {"ignore_eos": True, "stream": True, "return_token_ids": True}
        return Question(len(prompt), json.dumps(asked).encode())

    async def ask(self, url: str, question: Question, sample: Sample) -> Sample:
        """Streams tokens into the sample, which is complete also when this is cancelled."""
        headers = {"Content-Type": "application/json", "X-Request-Id": sample.request_id}
        sample.sent = time.monotonic_ns()
        try:
            await self._stream(url, question.body, headers, sample)
        except (aiohttp.ClientError, OSError, asyncio.TimeoutError) as error:
            sample.error = repr(error)
        finally:
            sample.read()
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
                if line.startswith(b"data: {"):
                    sample.events.append((time.monotonic_ns(), line[6:]))
