"""The proxy's own metrics, in Prometheus' text form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .engines import Engines

SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class Histogram:
    """Counts of seconds by bucket."""

    def __init__(self) -> None:
        self._counts = [0] * (len(SECONDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[sum(seconds > limit for limit in SECONDS)] += 1
        self._sum += seconds

    def lines(self, name: str) -> Iterator[str]:
        below = 0
        for limit, count in zip([*map(str, SECONDS), "+Inf"], self._counts):
            below += count
            yield f'{name}_bucket{{le="{limit}"}} {below}'
        yield f"{name}_sum {self._sum:.6f}"
        yield f"{name}_count {below}"


class Metrics:
    """What was counted since the start."""

    def __init__(self) -> None:
        self.first_byte = Histogram()
        self.retries = 0
        self.running = 0
        self._ended: Counter[str] = Counter({"served": 0, "refused": 0, "broken": 0, "aborted": 0})

    def ended(self, how: str) -> None:
        """A request is over."""
        self._ended[how] += 1

    def text(self, engines: Engines) -> str:
        """Everything, as a scrape wants it."""
        return "\n".join(self._lines(engines)) + "\n"

    def _lines(self, engines: Engines) -> Iterator[str]:
        name = "pegaflow_proxy_requests_total"
        yield f"# HELP {name} Requests by how they ended."
        yield f"# TYPE {name} counter"
        for how, count in self._ended.items():
            yield f'{name}{{how="{how}"}} {count}'
        yield "# HELP pegaflow_proxy_retries_total Tries that came to nothing unseen by a client."
        yield "# TYPE pegaflow_proxy_retries_total counter"
        yield f"pegaflow_proxy_retries_total {self.retries}"
        yield "# HELP pegaflow_proxy_running Requests being served."
        yield "# TYPE pegaflow_proxy_running gauge"
        yield f"pegaflow_proxy_running {self.running}"
        name = "pegaflow_proxy_first_byte_seconds"
        yield f"# HELP {name} From both legs' start until decode's first byte."
        yield f"# TYPE {name} histogram"
        yield from self.first_byte.lines(name)
        yield from self._engine_lines(engines)

    def _engine_lines(self, engines: Engines) -> Iterator[str]:
        yield "# HELP pegaflow_proxy_engine_up Whether the engine's health check succeeds."
        yield "# TYPE pegaflow_proxy_engine_up gauge"
        for engine in engines.all:
            yield f'pegaflow_proxy_engine_up{{engine="{engine.instance}"}} {int(engine.alive)}'
        yield "# HELP pegaflow_proxy_engine_requests_total Legs sent to the engine."
        yield "# TYPE pegaflow_proxy_engine_requests_total counter"
        for engine in engines.all:
            label = f'engine="{engine.instance}"'
            yield f"pegaflow_proxy_engine_requests_total{{{label}}} {engine.requests}"
