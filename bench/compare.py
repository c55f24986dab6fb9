"""PegaFlow, other transfer engines and the machine's floors: the same workload in one invocation.

Runs each contender for a few transfers, then the next, and so on, several rounds; so whatever else
the machine does meanwhile meets them all. Writes bench/results/NAME.jsonl (a line for each
contender and size), NAME.md (a table per total) and NAME-TOTAL.svg. bench/README.md says how to
prepare the peers and how to read the result.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from render import Line, figure, table  # noqa: E402

NIXL_VARIANTS = (
    "default,sgl,no-progress-thread,threads,shm,shm-no-progress-thread,shm-sgl,"
    "tcp,tcp-no-progress-thread,tcp-sgl"
)
WITHOUT_CHECKSUMS = "-unchecked"
# Of what there is for host memory (arguments of their own override it), and for GPUs.
HOST = {
    "links": "direct,direct-unchecked,agent,ucx",
    "ucx_links": "ucx,ucx-unchecked",
    "nixl": NIXL_VARIANTS,
    "floors": "memcpy,process_vm_writev",
}
HOST |= {"pages": "2048,4096,16384,65536,1048576", "mooncake": "tcp", "pegaflow": ""}
CUDA = {"links": "direct,agent", "ucx_links": "", "nixl": "default,sgl,no-progress-thread"}
CUDA |= {
    "floors": "peer_copy,batch_copy",
    "pages": "256,4096,16384,65536,1048576,8388608",
}
# As the peers' loops, engines poll; and the slots are those that are right for NVLink.
CUDA |= {"mooncake": "", "pegaflow": "--memory cuda --poll --slots 64 --window 32"}
TIME_LIMIT_S = 900


@dataclass(frozen=True)
class Contender:
    """A command that prints lines as pegaflow-bench --samples does."""

    name: str
    command: tuple[str, ...]


def own_command(program: str, choice: str, options: list[str]) -> tuple[str, ...]:
    """A link, or one without checksums."""
    link = choice.removesuffix(WITHOUT_CHECKSUMS)
    integrity = "true" if link == choice else "false"
    return (program, "--links", link, "--samples", "--integrity", integrity, *options)


def contenders(arguments: argparse.Namespace) -> list[Contender]:
    """Each variant is a contender of its own, so that rounds interleave them all."""
    python = str(arguments.python)
    found = []
    for name, folder, links in (
        ("pegaflow", arguments.bin_dir, arguments.links),
        ("pegaflow-ucx-1.22", arguments.ucx_bin_dir, arguments.ucx_links),
    ):
        if folder is None:
            continue
        program = str(next(folder.glob("**/pegaflow-bench/pegaflow-bench")))
        for choice in filter(None, links.split(",")):
            options = arguments.pegaflow.split()
            found.append(Contender(f"{name} {choice}", own_command(program, choice, options)))
    for engine, script, variants in (
        ("nixl", "nixl_peer.py", arguments.nixl),
        ("mooncake", "mooncake_peer.py", arguments.mooncake),
        ("floor", "floors_peer.py", arguments.floors),
    ):
        for variant in filter(None, variants.split(",")):
            command = (python, str(HERE / "peers" / script), "--variants", variant)
            command += ("--memory", arguments.memory)
            found.append(Contender(f"{engine} {variant}", command))
    return found


def run(contender: Contender, total: int, arguments: argparse.Namespace, seed: int) -> list[Line]:
    """One round of one contender, over all page sizes."""
    option = "--totals" if "pegaflow" in contender.name else "--total"
    command = [
        *contender.command,
        *(option, str(total), "--pages", arguments.pages, "--seed", str(seed)),
        *("--iterations", str(arguments.iterations), "--warmup", str(arguments.warmup)),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIME_LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"  {contender.name}: more than {TIME_LIMIT_S} s", file=sys.stderr)
        return []
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0:
        text = (done.stderr or done.stdout).strip().splitlines()[-1:]
        print(
            f"  {contender.name}: exit status {done.returncode}: {text}",
            file=sys.stderr,
        )
    for line in lines:
        if contender.name.endswith(WITHOUT_CHECKSUMS):
            line["variant"] += WITHOUT_CHECKSUMS
        if "ucx-1.22" in contender.name:
            line["variant"] += " (UCX 1.22)"
    return lines


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


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add = parser.add_argument
    add(
        "--bin-dir",
        type=Path,
        default=HERE.parent / "build/release",
        help="a release build",
    )
    add(
        "--ucx-bin-dir",
        type=Path,
        help="a release build with UCX 1.22, for its ucx link",
    )
    add(
        "--python",
        type=Path,
        default=Path(sys.executable),
        help="has the peers' packages",
    )
    add("--memory", default="host", choices=("host", "cuda"), help="of both pools")
    add("--links", help="-unchecked: no checksums")
    add("--ucx-links", help="of the build with UCX 1.22")
    add("--nixl", help="variants; empty: none")
    add("--mooncake")
    add("--floors")
    add("--pages")
    add("--pegaflow", help="more options of pegaflow-bench")
    add("--totals", default=str(32 << 20))
    add("--rounds", type=int, default=5)
    add(
        "--iterations",
        type=int,
        default=10,
        help="of each contender and size in a round",
    )
    add("--warmup", type=int, default=3)
    add("--results", type=Path, default=HERE / "results")
    add("--name", default="latest")
    arguments = parser.parse_args()
    for name, value in (CUDA if arguments.memory == "cuda" else HOST).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    return arguments


def main() -> None:
    arguments = parse_arguments()
    lines: list[Line] = []
    chosen = contenders(arguments)
    for total in map(int, arguments.totals.split(",")):
        for number in range(arguments.rounds):
            # Another order each time: nobody always runs after the same neighbour.
            shift = number * 5 % len(chosen)
            for contender in chosen[shift:] + chosen[:shift]:
                print(
                    f"{total} bytes, round {number + 1}: {contender.name}",
                    file=sys.stderr,
                )
                lines += run(contender, total, arguments, number + 1)
    results = merged(lines)
    arguments.results.mkdir(parents=True, exist_ok=True)
    base = arguments.results / arguments.name
    with open(f"{base}.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps(line) + "\n" for line in results)
    text = "".join(table(results, total) for total in sorted({x["bytes"] for x in results}))
    load = os.getloadavg()
    text += f"\nLoad averages at the end: {load[0]:.1f}, {load[1]:.1f}, {load[2]:.1f}.\n"
    Path(f"{base}.md").write_text(text, encoding="utf-8")
    print(text)
    for total in sorted({line["bytes"] for line in results}):
        figure(results, total, Path(f"{base}-{total >> 20}MiB.svg"))


if __name__ == "__main__":
    main()
