"""What the workers counted, for vLLM's log line and for Prometheus (`vllm:pegaflow_*`)."""

from __future__ import annotations

from typing import Any

Payload = dict[str, Any]


class Stats:
    """Counts of one worker since they were last taken. Plain data: it crosses processes."""

    def __init__(self) -> None:
        self.data: Payload = empty()

    def received(self, size: int, total_ns: int) -> None:
        """A load ended well."""
        self.data["bytes"] += size
        self.data["seconds"].append(total_ns / 1e9)

    def failed(self, reason: str) -> None:
        """A load failed."""
        self.data["failures"][reason] = self.data["failures"].get(reason, 0) + 1

    def offer_ended(self, how: str) -> None:
        """An offer's blocks may be reused: sent, or it came to nothing."""
        self.data["offers"][how] = self.data["offers"].get(how, 0) + 1

    def take(self) -> Payload | None:
        """The counts, which start anew; None when nothing happened."""
        if is_empty(self.data):
            return None
        data, self.data = self.data, empty()
        return data


def empty() -> Payload:
    """Counts of nothing."""
    return {"bytes": 0, "seconds": [], "failures": {}, "offers": {}}


def is_empty(data: Payload) -> bool:
    """Whether nothing was counted."""
    return not (data.get("seconds") or data.get("failures") or data.get("offers"))


def add(to: Payload, other: Payload) -> Payload:
    """Adds the counts of another worker or interval to `to`."""
    to["bytes"] += other["bytes"]
    to["seconds"] = to["seconds"] + other["seconds"]
    for name in ("failures", "offers"):
        for key, count in other[name].items():
            to[name][key] = to[name].get(key, 0) + count
    return to


def summary(data: Payload) -> dict[str, int | float]:
    """What the log line says of an interval."""
    seconds = sorted(data["seconds"])
    loads = len(seconds)
    return {
        "Loads": loads,
        "Failed loads": sum(data["failures"].values()),
        "Offers ended": sum(data["offers"].values()),
        "Load p50 (ms)": round(seconds[loads // 2] * 1e3, 2) if loads else 0.0,
        "Load max (ms)": round(seconds[-1] * 1e3, 2) if loads else 0.0,
        "MB": round(data["bytes"] / 1e6, 2),
    }
