"""Where a request's time went: the notes of traced.py, put together with the client's samples.

    dispatch   sent → prefill's scheduler has it
    schedule   → its first step is begun
    compute    → its last layer's KV is ready (the GPU's time, told by the source)
    hand_over  → decode has asked for it (0 where it asked before)
    transfer   → all bytes are in decode's blocks, and verified: what was left after `compute`
    notice     → decode's engine has been told
    admit      → its scheduler lets the request run
    step       → that step's result, the first token, is in its scheduler
    output     → the client has it

They add up to the TTFT. `hand_over` is made of `ended` (prefill's scheduler has the result),
`relay` (through prefill's server, the router and decode's server to decode's scheduler) and `ask`.
`eager` is 1 where `step` ran without a CUDA graph, 0 otherwise. `grant`, `gather`, `wire` and
`scatter` are the transfer's own counts, which overlap: of all its chunks, most of which move while
prefill computes.
"""

from __future__ import annotations

import bisect
import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.vllm.client import Sample

Note = dict[str, Any]
PARTS = ("dispatch", "schedule", "compute", "hand_over", "transfer", "notice")
PARTS += ("admit", "step", "output")
HAND_OVER = ("ended", "relay", "ask")
COUNTS = ("grant_ns", "gather_ns", "wire_ns", "scatter_ns")


def read(folder: Path) -> list[Note]:
    """All notes, oldest first."""
    lines = [line for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]
    return sorted((json.loads(line) for line in lines), key=lambda note: int(note["t"]))


class Notes:
    """Notes by request and by key."""

    def __init__(self, notes: Iterable[Note]) -> None:
        self._by_id: dict[tuple[str, str], list[Note]] = defaultdict(list)  # the client's id
        self._of: dict[tuple[str, str], list[Note]] = defaultdict(list)
        self._eager: dict[str, list[int]] = defaultdict(list)  # by instance
        for note in notes:
            if note["what"] in ("new", "ended"):
                self._by_id[client_id(note["req"]), note["what"]].append(note)
            elif note["what"] == "eager":
                self._eager[note["at"]].append(note["t"])
            elif "key" in note:
                self._of[note["key"], note["what"]].append(note)

    def parts_ms(self, sample: Sample) -> dict[str, float]:
        """A request's parts; nothing where notes are missing."""
        new = self._by_id.get((sample.request_id, "new"), [])
        key = next((note["key"] for note in new if note["key"]), "")
        prefill = [note["t"] for note in new if "prefill" in note["at"]]
        names = ("step", "receive", "admitted", "sampled")
        steps, asked, admitted, sampled = (self._of.get((key, name)) for name in names)
        done = [note for note in self._of.get((key, "done"), []) if note["receive"]]
        if not (prefill and steps and asked and done and admitted and sampled):
            return {}
        told, receive = done[0], asked[0]["t"]
        last = told["last_ready_ns"] or self._of[key, "launched"][-1]["t"]
        there = receive + told["total_ns"] if told["total_ns"] else max(last, receive)
        ends = [prefill[0], steps[0]["t"], last, receive, there, told["t"]]
        ends += [admitted[0]["t"], sampled[0]["t"], sample.came[0]]
        parts = _cut(sample.sent, PARTS, ends)
        parts |= self._hand_over(sample.request_id, last, receive)
        parts["eager"] = float(self._eager_between(admitted[0], sampled[0]))
        return parts | {name[:-3]: told.get(name, 0) / 1e6 for name in COUNTS}

    def _hand_over(self, request_id: str, last: int, receive: int) -> dict[str, float]:
        """What it is made of; nothing where decode had asked before."""
        new = [n["t"] for n in self._by_id[request_id, "new"] if "prefill" not in n["at"]]
        ended = [n["t"] for n in self._by_id[request_id, "ended"] if "prefill" in n["at"]]
        if receive <= last or not (new and ended):
            return dict.fromkeys(HAND_OVER, 0.0)
        return _cut(last, HAND_OVER, [ended[0], new[0], receive])

    def _eager_between(self, begin: Note, end: Note) -> bool:
        eager = self._eager[end["at"]]
        return bisect.bisect(eager, begin["t"]) < bisect.bisect(eager, end["t"])


def _cut(begin: int, names: Sequence[str], ends: Sequence[int]) -> dict[str, float]:
    """Milliseconds to where each part ends; none can end before the one before it."""
    parts = {}
    for name, end in zip(names, ends):
        parts[name] = max(end - begin, 0) / 1e6
        begin = max(begin, end)
    return parts


def client_id(request_id: str) -> str:
    """vLLM's id is cmpl-ID-0-HEX, where ID is the client's, which has no hyphens."""
    words = request_id.split("-")
    return words[1] if len(words) > 1 else request_id


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Part by part."""
    known = [row for row in rows if row]
    names = known[0] if known else {}
    return {name: round(statistics.median(row[name] for row in known), 3) for name in names}
