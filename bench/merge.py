"""The samples of all rounds of one contender and size as one line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from render import Line


def merged(lines: Iterable[Line]) -> list[Line]:
    """One line for each contender and size: the samples of all rounds together."""
    groups: dict[tuple[Any, ...], list[Line]] = {}
    for line in lines:
        key = (line["bytes"], line["engine"], line["variant"], line["page"])
        groups.setdefault(key, []).append(line)
    return [merge(group) for _, group in sorted(groups.items())]


def quantile(values: list[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def merge(group: list[Line]) -> Line:
    line = dict(group[0])
    for name in ("total_us", "target_us"):
        values = [value for one in group for value in one[name]]
        line[name + "_p50"], line[name + "_p99"] = quantile(values, 0.5), quantile(values, 0.99)
        line[name] = [round(value, 1) for value in values]
    line["iterations"] = len(line["target_us"])
    line["verified"] = all(one["verified"] for one in group)
    line["gbps"] = line["bytes"] / line["target_us_p50"] / 1e3
    line["us_per_fragment"] = line["target_us_p50"] / line["fragments"]
    return line
