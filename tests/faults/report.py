"""Writes the tables of docs/RELIABILITY.md from a record of the fault matrix.

PEGAFLOW_FAULT_RECORD=record.jsonl pytest -n 3 --all tests/faults/test_matrix.py
PEGAFLOW_FAULT_RECORD=record.jsonl tests/rdma/run.sh build/dev faults
report.py record.jsonl [docs/RELIABILITY.md]     # replaces what lies between the markers
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

Json = dict[str, Any]
BEGIN, END = "<!-- report.py: begin -->", "<!-- report.py: end -->"
VICTIMS = {
    "source-engine": "P engine",
    "sink-engine": "D engine",
    "source-agent": "P agent",
    "sink-agent": "D agent",
    "rendezvous": "rendezvous",
    "network": "network",
}
FAULTS = {
    "kill": "SIGKILL",
    "restart": "SIGKILL, successor at once",
    "stop": "SIGSTOP, later SIGCONT",
    "cut": "cable cut",
    "blackhole": "blackhole route",
    "rdma-cut": "RDMA cable cut",
}


def seconds(values: list[float]) -> str:
    """Median and maximum, in milliseconds or seconds."""
    if not values:
        return "–"
    return " / ".join(
        f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
        for value in (median(values), max(values))
    )


def results(lines: list[Json]) -> str:
    """What D was told, the most frequent first."""
    counts: dict[str, int] = defaultdict(int)
    for line in lines:
        if line["event"] != "none":
            counts["done" if line["event"] == "done" else line["reason"]] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered) or "–"


def is_measured(line: Json) -> bool:
    """A transfer goes on without the rendezvous; and D's engine is watched from outside, late when
    a successor is started meanwhile."""
    late = line["victim"] == "sink-engine" and line["fault"] == "restart"
    return line["victim"] != "rendezvous" and not late


def table(lines: list[Json]) -> list[str]:
    """A row for each victim, fault and link, over all phases."""
    groups: dict[tuple[str, str, str], list[Json]] = defaultdict(list)
    for line in lines:
        groups[line["victim"], line["fault"], line["link"]].append(line)
    rows = [
        "| Who | What | Link | Cases | D's result | Noticed, p50 / max | Works again, p50 / max |",
        "|---|---|---|---|---|---|---|",
    ]
    order = [(v, f) for v in VICTIMS for f in FAULTS]
    for victim, fault, link in sorted(groups, key=lambda g: (order.index(g[:2]), g[2])):
        group = groups[victim, fault, link]
        # What is received after the fault has nothing to notice: it waits for an offer or a link.
        noticed = [
            line["noticed"]
            for line in group
            if "noticed" in line and line["phase"] != "before-grant" and is_measured(line)
        ]
        cells = (
            VICTIMS[victim],
            FAULTS[fault],
            link,
            str(len(group)),
            results(group),
            seconds(noticed),
            seconds([line["recovered"] for line in group]),
        )
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    lines = [json.loads(line) for line in Path(arguments[0]).read_text().splitlines()]
    text = "\n".join(
        [
            f"{len(lines)} cases that passed: no byte wrong or late, nothing left behind.",
            "",
            *table(lines),
        ]
    )
    if len(arguments) == 1:
        print(text)
        return 0
    page = Path(arguments[1])
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
