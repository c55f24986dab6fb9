"""What bench/interference.py measures: the launch widths and ways, and what moves meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

LAYER_BYTES = 32 << 20
WIDTHS = (64, 32, 16)
VARIABLES = {"prefill-0": "PEGAFLOW_GATHER_CTAS", "decode-0": "PEGAFLOW_SCATTER_CTAS"}
COPY_ENGINE = "PEGAFLOW_COPY_ENGINE_RUN_BYTES"
SHORT = {"prefill-0": "p", "decode-0": "d"}
PAGE_TOKENS = 16  # 64 KiB: a block of the one layer of a pool
TOKEN_BYTES = 4096


@dataclass(frozen=True)
class Case:
    """What moves while `busy` computes: transfers of `layers` layers, from as many places as may be
    under way. Each becomes ready in equal pieces, one every `period` seconds (0: at once)."""

    busy: str
    name: str
    period: float
    layers: int
    places: int
    pieces: int = 1
    only_pages: bool = False  # a page in the place of each layer: what the moving itself costs
    longer: float = 1.0  # than other cases


CASES = (
    Case("prefill-0", "a layer every 6 ms", 0.006, 8, 4, pieces=8, longer=2.0),
    Case("prefill-0", "a page every 6 ms", 0.006, 8, 4, pieces=8, only_pages=True, longer=2.0),
    Case("prefill-0", "as much as can leave", 0.0, 8, 4),
    Case("decode-0", "50 GB/s arrive", LAYER_BYTES / 50e9, 1, 12),
    Case("decode-0", "as many pages", LAYER_BYTES / 50e9, 1, 12, only_pages=True),
    Case("decode-0", "as much as can arrive", 0.0, 8, 4),
)


@dataclass(frozen=True, order=True)
class Seat:
    """An engine: where, what the link is like, and its environment."""

    node: str
    environment: tuple[tuple[str, str], ...] = ()
    way: str = "direct"  # P's engine writes D's slots; "agent": P's agent copies
    page_tokens: int = PAGE_TOKENS

    @property
    def instance(self) -> str:
        values = "-".join(value for _, value in self.environment)
        return f"{SHORT[self.node]}-{self.way}-{self.page_tokens}-{values}"


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
    return Setup(name, source, source, Seat("decode-0", page_tokens=source.page_tokens))


def decode(name: str, sink: Seat, way: str = "direct") -> Setup:
    return Setup(name, sink, Seat("prefill-0", way=way), sink)


def kernels(ctas: int) -> Seat:
    """Gathers never go by copy engine."""
    return Seat("prefill-0", ((VARIABLES["prefill-0"], str(ctas)), (COPY_ENGINE, "0")))


def wide(ctas: int) -> Seat:
    return Seat("decode-0", ((VARIABLES["decode-0"], str(ctas)),))


# The most important ones first; without a width it is the default, 128 CTAs.
SETUPS = (
    prefill("P as it comes: copy engine", Seat("prefill-0")),
    decode("D as it comes", Seat("decode-0")),
    prefill("P kernels, 128 CTAs", kernels(128)),
    prefill("P copy engine, pages of 32 KiB", Seat("prefill-0", page_tokens=8)),
    prefill("P copy engine, pages of 16 KiB", Seat("prefill-0", page_tokens=4)),
    prefill("P agent copies", Seat("prefill-0", way="agent")),
    *(prefill(f"P kernels, {ctas} CTAs", kernels(ctas)) for ctas in WIDTHS),
    *(decode(f"D {ctas} CTAs", wide(ctas)) for ctas in WIDTHS),
    decode("D agent copies", Seat("decode-0"), way="agent"),
)
