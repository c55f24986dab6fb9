"""The product's connector, and a note of when each of its calls came: where a request's time goes.

Notes are lines of JSON in a file per process below $PEGAFLOW_BENCH_NOTES: `t` in nanoseconds of
CLOCK_MONOTONIC, which all processes of a host share; what happened; the transfer key or vLLM's
request id. stages.py puts them together.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from typing import Any

from pegaflow.vllm.connector import PegaPdConnector

STATS = ("bytes", "chunks", "streams", "grant_ns", "gather_ns", "wire_ns", "scatter_ns")
TIMES = ("offer_wait_ns", "total_ns", "last_ready_ns")


class Notes:
    """A file of notes. Each is written at once, about 3 µs."""

    def __init__(self, instance: str) -> None:
        path = os.path.join(os.environ["PEGAFLOW_BENCH_NOTES"], f"{instance}-{os.getpid()}.jsonl")
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._instance = instance

    def note(self, what: str, **more: Any) -> None:
        line = {"t": time.monotonic_ns(), "at": self._instance, "what": what, **more}
        os.write(self._file, json.dumps(line).encode() + b"\n")


class NotedSession:
    """A worker's session that notes offers, steps, receives and events; the rest goes through."""

    def __init__(self, session: Any, notes: Notes) -> None:
        self._session = session
        self._notes = notes
        self._step: list[str] = []
        self.layer_done = session.layer_done  # once per layer and step: no detour

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def begin_step(self, spans: list[tuple[bytes, int, int]]) -> None:
        self._step = [key.hex() for key, _, _ in spans]
        for key, (_, begin, end) in zip(self._step, spans):
            self._notes.note("step", key=key, begin=begin, end=end)
        self._session.begin_step(spans)

    def end_step(self, stream: int = 0) -> None:
        self._session.end_step(stream)
        for key in self._step:
            self._notes.note("launched", key=key)

    def receive(self, key: bytes, *arguments: Any, **named: Any) -> None:
        self._notes.note("receive", key=key.hex())
        self._session.receive(key, *arguments, **named)

    def poll(self) -> list[Any]:
        events: list[Any] = self._session.poll()
        for event in events:
            stats = {}
            if event.receive:
                stats = {name: getattr(event.stats, name, 0) for name in STATS + TIMES}
            what = event.kind.name.lower()
            self._notes.note(what, key=event.key.hex(), receive=event.receive, **stats)
        return events


class NotedWorker:
    """A worker's session and pool, with the session noted."""

    def __init__(self, worker: Any, notes: Notes) -> None:
        self._worker = worker
        self.pool = worker.pool
        self.session: Any = NotedSession(worker.session, notes)

    @property
    def alive(self) -> bool:
        return bool(self._worker.alive)

    def close(self) -> None:
        self._worker.close()


class Traced(PegaPdConnector):
    """PegaPdConnector, noted."""

    def __init__(self, vllm_config: Any, role: Any, kv_cache_config: Any = None) -> None:
        extra = vllm_config.kv_transfer_config.kv_connector_extra_config
        self._notes = Notes(extra["instance"])
        self._loaded: set[str] = set()  # requests that have asked for KV and have not run yet
        self._first: list[str] = []  # keys of those that run first in the step being scheduled
        self._steps: deque[list[str]] = deque()  # the same, of each step whose result is to come
        self._layers = 0  # hooks called in this step: all or, from a CUDA graph, none
        super().__init__(vllm_config, role, kv_cache_config)

    def on_new_request(self, request: Any) -> None:
        self._notes.note("new", req=request.request_id, key=_key(request))
        super().on_new_request(request)

    def update_state_after_alloc(self, request: Any, blocks: Any, num_external_tokens: int) -> None:
        req, key = request.request_id, _key(request)
        if num_external_tokens:
            self._notes.note("taken", req=req, tokens=num_external_tokens)
            self._loaded.add(req)
        elif key and req in self._loaded:
            self._loaded.remove(req)
            self._notes.note("admitted", key=key)
            self._first.append(key)
        super().update_state_after_alloc(request, blocks, num_external_tokens)

    def build_connector_meta(self, scheduler_output: Any) -> Any:
        self._steps.append(self._first)
        self._first = []
        return super().build_connector_meta(scheduler_output)

    def take_events(self) -> Any:
        """vLLM calls it once for each step that it has scheduled, when it has read the result."""
        for key in self._steps.popleft() if self._steps else ():
            self._notes.note("sampled", key=key)
        return super().take_events()

    def request_finished_all_groups(self, request: Any, block_ids: Any) -> Any:
        self._notes.note("ended", req=request.request_id)
        self._loaded.discard(request.request_id)
        return super().request_finished_all_groups(request, block_ids)

    def save_kv_layer(self, *arguments: Any, **named: Any) -> None:
        self._layers += 1
        super().save_kv_layer(*arguments, **named)

    def wait_for_save(self) -> None:
        if self._layers:
            self._notes.note("eager", layers=self._layers)
            self._layers = 0
        super().wait_for_save()

    def _open_worker(self, pool: Any, rank: Any) -> Any:
        return NotedWorker(super()._open_worker(pool, rank), self._notes)


def _key(request: Any) -> str | None:
    ours = (request.kv_transfer_params or {}).get("pegaflow") or {}
    return ours.get("key")
