"""What bench/interference.py measures: the launch widths and ways, and what moves meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

LAYER_BYTES = 32 << 20
DEFAULT_CTAS = 128
WIDTHS = (128, 64, 32, 16)
VARIABLES = {"prefill-0": "PEGAFLOW_GATHER_CTAS", "decode-0": "PEGAFLOW_SCATTER_CTAS"}
COPY_ENGINE = "PEGAFLOW_COPY_ENGINE_RUN_BYTES"
SHORT = {"prefill-0": "p", "decode-0": "d"}
PAGE_TOKENS = 16  # 64 KiB: a block of the one layer of a pool
TOKEN_BYTES = 4096


@dataclass(frozen=True)
class Case:
    """What moves while `busy` computes: transfers of `layers` layers, one every `period` seconds
    (0: as many as possible), from as many places as may be under way."""

    busy: str
    name: str
    period: float
    layers: int
    places: int
    longer: float = 1.0  # than other cases


CASES = (
    Case("prefill-0", "a layer every 6 ms", 0.006, 1, 12, longer=2.0),
    Case("prefill-0", "as much as can leave", 0.0, 1, 12),
    Case("decode-0", "50 GB/s arrive", LAYER_BYTES / 50e9, 1, 12),
    Case("decode-0", "as much as can arrive", 0.0, 8, 4),
)


@dataclass(frozen=True, order=True)
class Seat:
    """An engine: where, what the link is like, and its environment."""

    node: str
    environment: tuple[tuple[str, str], ...]
    way: str = "direct"  # P's kernels write D's slots; "agent": P's agent copies
    checks: bool = True
    page_tokens: int = PAGE_TOKENS

    @property
    def instance(self) -> str:
        values = "-".join(value for _, value in self.environment)
        return f"{SHORT[self.node]}-{self.way}-{self.page_tokens}-{values}"


def seat(node: str, ctas: int = DEFAULT_CTAS, **others: Any) -> Seat:
    return Seat(node, ((VARIABLES[node], str(ctas)),), **others)


@dataclass(frozen=True)
class Setup:
    """Two engines, one of which computes."""

    name: str
    busy: Seat
    source: Seat
    sink: Seat

    def seats(self) -> tuple[Seat, Seat]:
        return self.source, self.sink


def prefill(name: str, source: Seat) -> Setup:
    sink = seat("decode-0", checks=source.checks, page_tokens=source.page_tokens)
    return Setup(name, source, source, sink)


def decode(name: str, sink: Seat, way: str = "direct") -> Setup:
    return Setup(name, sink, seat("prefill-0", way=way, checks=sink.checks), sink)


def copying(way: str = "direct", page_tokens: int = PAGE_TOKENS) -> Seat:
    """Gathers by copy engine, which cannot sum."""
    kernels = seat("prefill-0")
    runs = (COPY_ENGINE, str(page_tokens * TOKEN_BYTES))
    return Seat("prefill-0", (*kernels.environment, runs), way, False, page_tokens)


# The most important ones first.
SETUPS = (
    prefill("P 128 CTAs", seat("prefill-0")),
    decode("D 128 CTAs", seat("decode-0")),
    prefill("P agent copies", seat("prefill-0", way="agent")),
    prefill("P copy engine, no checksums", copying()),
    *(prefill(f"P {ctas} CTAs", seat("prefill-0", ctas)) for ctas in WIDTHS[1:]),
    *(decode(f"D {ctas} CTAs", seat("decode-0", ctas)) for ctas in WIDTHS[1:]),
    decode("D agent copies", seat("decode-0"), way="agent"),
    prefill("P copy engine, agent copies, no checksums", copying("agent")),
    prefill("P 128 CTAs, no checksums", seat("prefill-0", checks=False)),
    decode("D 128 CTAs, no checksums", seat("decode-0", checks=False)),
    prefill("P copy engine, pages of 16 KiB, no checksums", copying(page_tokens=4)),
)
