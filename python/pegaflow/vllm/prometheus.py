"""The worker's counts in the forms that vLLM logs and exports: metrics `vllm:pegaflow_*`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vllm.distributed.kv_transfer.kv_connector.v1.metrics import (  # type: ignore
    KVConnectorPromMetrics,
    KVConnectorStats,
)

from . import stats

SECONDS = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


@dataclass
class PdStats(KVConnectorStats):  # type: ignore[misc]
    """Counts of an interval."""

    data: dict[str, Any] = field(default_factory=stats.empty)

    def reset(self) -> None:
        self.data = stats.empty()

    def aggregate(self, other: PdStats) -> PdStats:
        self.data = stats.add(self.data, other.data)
        return self

    def reduce(self) -> dict[str, int | float]:
        return stats.summary(self.data)

    def is_empty(self) -> bool:
        return stats.is_empty(self.data)


def taken(counts: stats.Stats) -> PdStats | None:
    """What was counted since the last call; None: nothing."""
    data = counts.take()
    return None if data is None else PdStats(data=data)


class PdPromMetrics(KVConnectorPromMetrics):  # type: ignore[misc]
    """Per engine: loads, their bytes and times, failures by reason, offers by end."""

    def __init__(
        self,
        vllm_config: Any,
        metric_types: dict[Any, Any],
        labelnames: list[str],
        per_engine_labelvalues: dict[int, list[object]],
    ) -> None:
        super().__init__(vllm_config, metric_types, labelnames, per_engine_labelvalues)
        self._bytes = self._counter_cls(
            name="vllm:pegaflow_load_bytes",
            documentation="Bytes of KV cache that were loaded.",
            labelnames=labelnames,
        )
        self._seconds = self._histogram_cls(
            name="vllm:pegaflow_load_seconds",
            documentation="From the start of a load until all of it was verified.",
            buckets=SECONDS,
            labelnames=labelnames,
        )
        self._failures = self._counter_cls(
            name="vllm:pegaflow_load_failures",
            documentation="Loads that failed, by reason.",
            labelnames=[*labelnames, "reason"],
        )
        self._offers = self._counter_cls(
            name="vllm:pegaflow_offers_ended",
            documentation="Offers whose blocks may be reused, by how they ended.",
            labelnames=[*labelnames, "how"],
        )

    def observe(self, transfer_stats_data: dict[str, Any], engine_idx: int = 0) -> None:
        labels = self.per_engine_labelvalues[engine_idx]
        self._bytes.labels(*labels).inc(transfer_stats_data["bytes"])
        for seconds in transfer_stats_data["seconds"]:
            self._seconds.labels(*labels).observe(seconds)
        for reason, count in transfer_stats_data["failures"].items():
            self._failures.labels(*labels, reason).inc(count)
        for how, count in transfer_stats_data["offers"].items():
            self._offers.labels(*labels, how).inc(count)
