"""Tables and a picture of what measure.py wrote: report.py FILE.jsonl … → FILE.md, FILE.svg.

Several files are taken together: later ones add to the first, whose name the results get.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

Line = dict[str, Any]
# What is compared with the floor of its dispatch mode, and with NIXL.
OWN = tuple(
    f"{push}-{mode}" for mode in ("concurrent", "serial") for push in ("auto", "layer", "step")
)
NIXL = ("nixl", "nixl-xl")


class Results:
    """The lines of a run."""

    def __init__(self, lines: list[Line]) -> None:
        self.about = next(line for line in lines if line["part"] == "about")
        self.lines = lines
        ran = [line["target"] for line in lines if "target" in line]
        self.targets = [name for name in self.about["targets"] if name in ran]

    def of(self, part: str, **wanted: Any) -> list[Line]:
        return [
            line
            for line in self.lines
            if line["part"] == part and all(line[name] == value for name, value in wanted.items())
        ]

    def prompts(self, part: str, at_once: int | None = None) -> list[int]:
        wanted = {} if at_once is None else {"at_once": at_once}
        return sorted({line["prompt"] for line in self.of(part, **wanted)})

    def ttft(self, target: str, prompt: int, at_once: int) -> list[float]:
        """All samples, sorted."""
        found = self.of("ttft", target=target, prompt=prompt, at_once=at_once)
        return sorted(value for line in found for value in line["ttft_ms"])

    def median(self, target: str, prompt: int, at_once: int = 1) -> float | None:
        samples = self.ttft(target, prompt, at_once)
        return statistics.median(samples) if samples else None

    def added(self, target: str, prompt: int) -> float | None:
        """What the target adds to the TTFT of an engine alone."""
        own, alone = self.median(target, prompt), self.median("alone", prompt)
        return None if own is None or alone is None else own - alone


def number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def p99(samples: list[float]) -> float:
    return samples[min(len(samples) - 1, int(len(samples) * 0.99))]


def times(samples: list[float]) -> str:
    return f"{statistics.median(samples):.1f} / {p99(samples):.1f} ({len(samples)})"


def ttft_table(results: Results, at_once: int) -> str:
    prompts = results.prompts("ttft", at_once)
    rows = []
    for target in results.targets:
        cells = []
        for prompt in prompts:
            samples = results.ttft(target, prompt, at_once)
            cells.append(times(samples) if samples else "–")
        rows.append([target, *cells])
    return table(["TTFT, ms: p50 / p99 (of)", *map(str, prompts)], rows)


def added_table(results: Results) -> str:
    prompts = results.prompts("ttft", 1)
    rows = []
    for target in results.targets:
        if target != "alone":
            rows.append([target, *(number(results.added(target, prompt)) for prompt in prompts)])
    measured = [target for target in OWN if target in results.targets]
    for target in measured:
        rows.append([f"{target} above its floor", *_above_floor(results, target, prompts)])
    for target in measured:
        rows.append([f"{target}, % of NIXL's best", *_shares(results, target, prompts)])
    return table(["added to one engine alone, ms (p50)", *map(str, prompts)], rows)


def _above_floor(results: Results, target: str, prompts: list[int]) -> list[str]:
    cells = []
    for prompt in prompts:
        own = results.median(target, prompt)
        floor = results.median(f"dry-{target.partition('-')[2]}", prompt)
        cells.append(number(None if own is None or floor is None else own - floor))
    return cells


def _shares(results: Results, target: str, prompts: list[int]) -> list[str]:
    cells = []
    for prompt in prompts:
        own = results.added(target, prompt)
        nixl = [results.added(name, prompt) for name in NIXL]
        best = min((value for value in nixl if value is not None), default=None)
        cells.append(number(None if own is None or not best else 100 * own / best, 0))
    return cells


def gaps_table(results: Results) -> str:
    rows = []
    for line in results.of("gaps"):
        longest, usual = max(line["longest_ms"]), statistics.median(line["usual_ms"])
        each = ", ".join(number(value) for value in line["longest_ms"])
        rows.append([line["target"], str(line["prompt"]), number(usual), number(longest), each])
    return table(["target", "prompt", "usual gap, ms", "longest", "longest of each"], rows)


def stages_table(results: Results, at_once: int) -> str:
    found = [line for line in results.of("ttft", at_once=at_once) if line["stages_ms"]]
    names = list(dict.fromkeys(name for line in found for name in line["stages_ms"]))
    rows = [
        [line["target"], str(line["prompt"])]
        + [number(line["stages_ms"].get(name), 2) for name in names]
        for line in sorted(found, key=lambda line: (line["prompt"], line["target"]))
    ]
    return table(["target", "prompt", *names], rows)


def tokens_table(results: Results) -> str:
    prompts = results.prompts("tokens")
    rows = []
    for target in results.targets:
        found = {line["prompt"]: line["equal"] for line in results.of("tokens", target=target)}
        if found:
            words = ["equal" if found.get(prompt) else "differ" for prompt in prompts]
            rows.append([target, *words])
    return table(["greedy tokens against alone", *map(str, prompts)], rows)


def text(results: Results) -> str:
    about = results.about
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    parts = [
        f"{about['machine']}. {versions}. {about['shape']}, {about['weights']} weights.",
        tokens_table(results),
        "One request at a time:",
        ttft_table(results, 1),
        added_table(results),
        "Stages (medians, ms; stages.py says what each is):",
        stages_table(results, 1),
    ]
    if results.of("gaps"):
        parts += ["A stream decoding on the decode engine while one prompt arrives:"]
        parts += [gaps_table(results)]
    if results.of("ttft", at_once=8):
        parts += ["Eight requests at a time:", ttft_table(results, 8), stages_table(results, 8)]
    errors = results.of("error")
    parts += [f"Error: {e['target']}, {e['prompt']}: {e['error'][:200]}" for e in errors]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def figure(results: Results, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    picture, axes = pyplot.subplots(figsize=(9, 6))
    prompts = results.prompts("ttft", 1)
    for target in results.targets:
        points = [(prompt, results.added(target, prompt)) for prompt in prompts]
        known = [(x, y) for x, y in points if y is not None]
        if target != "alone" and known:
            style = ":" if target.startswith("dry") else "--" if target in NIXL else "-"
            axes.plot(*zip(*known), marker="o", linestyle=style, label=target)
    axes.set_xscale("log", base=2)
    axes.set_xticks(prompts, [str(prompt) for prompt in prompts])
    axes.set_xlabel("tokens of the prompt")
    axes.set_title("TTFT beyond that of one engine alone, ms (median)")
    axes.grid(True, alpha=0.3)
    axes.legend(fontsize=8)
    picture.tight_layout()
    picture.savefig(path)


def main() -> None:
    files = [Path(name) for name in sys.argv[1:]]
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    results = Results(lines)
    files[0].with_suffix(".md").write_text(text(results))
    figure(results, files[0].with_suffix(".svg"))


if __name__ == "__main__":
    main()
