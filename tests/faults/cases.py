"""The fault matrix: who is hit, how, in which phase of a transfer, on which kind of link."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

SOURCE_ENGINE, SINK_ENGINE = "source-engine", "sink-engine"
SOURCE_AGENT, SINK_AGENT = "source-agent", "sink-agent"
RENDEZVOUS, NETWORK = "rendezvous", "network"

NODE_OF = {SOURCE_AGENT: "prefill-0", SINK_AGENT: "decode-0", RENDEZVOUS: "rendezvous"}

VICTIMS = (SOURCE_ENGINE, SINK_ENGINE, SOURCE_AGENT, SINK_AGENT, RENDEZVOUS, NETWORK)
FAULTS = ("kill", "stop", "restart", "cut", "blackhole", "rdma-cut")
PHASES = ("before-grant", "gathering", "put", "between-chunks", "scattering", "before-done")
LINKS = ("direct", "agent", "tcp", "shm", "rc_verbs")

# Run by default; the rest by --all. Every victim, fault, phase and link is among them.
QUICK = (
    "source-engine kill gathering direct",
    "source-engine kill put tcp",
    "source-engine restart between-chunks agent",
    "source-engine stop gathering direct",
    "source-engine kill before-done shm",
    "sink-engine kill scattering tcp",
    "sink-engine restart before-grant direct",
    "sink-engine stop scattering agent",
    "source-agent kill put tcp",
    "source-agent kill gathering agent",
    "source-agent restart scattering direct",
    "source-agent stop put tcp",
    "source-agent kill between-chunks shm",
    "sink-agent kill put agent",
    "sink-agent kill before-done tcp",
    "sink-agent restart gathering tcp",
    "sink-agent stop between-chunks direct",
    "rendezvous kill put tcp",
    "rendezvous stop before-grant direct",
    "network cut put tcp",
    "network blackhole between-chunks tcp",
)


# What runs where there are two RDMA devices (tests/rdma): emulated, a case takes half a minute.
RDMA = (
    "source-engine kill gathering rc_verbs",
    "source-engine kill before-done rc_verbs",
    "source-engine stop put rc_verbs",
    "sink-engine kill scattering rc_verbs",
    "source-agent kill between-chunks rc_verbs",
    "source-agent stop put rc_verbs",
    "sink-agent kill put rc_verbs",
    "sink-agent stop between-chunks rc_verbs",
    "rendezvous kill put rc_verbs",
    "network cut between-chunks rc_verbs",
    "network blackhole put rc_verbs",
    "network rdma-cut gathering rc_verbs",
    "network rdma-cut put rc_verbs",
)


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    victim: str
    fault: str
    phase: str
    link: str

    def __str__(self) -> str:
        return f"{self.victim} {self.fault} {self.phase} {self.link}"

    @property
    def applies(self) -> bool:
        """Cells without a meaning: processes have no cable, one host has no network."""
        if (self.victim == NETWORK) != (self.fault in ("cut", "blackhole", "rdma-cut")):
            return False
        if self.victim == NETWORK and self.link not in ("tcp", "rc_verbs"):
            return False
        if self.fault == "rdma-cut" and self.link != "rc_verbs":
            return False
        # On the direct path the gather is the write into the other host's slot.
        return not (self.phase == "put" and self.link == "direct")


def _every_case() -> list[Case]:
    cells = (Case(*cell) for cell in product(VICTIMS, FAULTS, PHASES, LINKS))
    return [case for case in cells if case.applies]


def all_cases() -> list[Case]:
    """Those that any machine can run."""
    return [case for case in _every_case() if case.link != "rc_verbs"]


def rdma_cases() -> list[Case]:
    return [case for case in _every_case() if str(case) in RDMA]


def quick_cases() -> list[Case]:
    return [case for case in all_cases() if str(case) in QUICK]
