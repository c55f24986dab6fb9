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
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from merge import merged  # noqa: E402
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
    "floors": "peer_copy,batch_copy,fused_push,fused_pull",
    "pages": "256,4096,16384,65536,1048576,8388608",
    "mooncake": "nvlink_intra,nvlink_intra-1024",
}
# As the peers' loops, engines poll; and the slots are those that are right for NVLink.
CUDA |= {"pegaflow": "--memory cuda --poll --slots 64 --window 32"}
# Whose time is that of the number of pages, up to 10 us for each.
PER_PAGE = ("nixl", "mooncake", "floor batch_copy", "floor process_vm_writev")
STDERR_LINES = 15  # of a contender that failed


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


def program_in(folder: Path) -> str:
    for path in folder.rglob("pegaflow-bench"):
        if path.is_file():
            return str(path)
    raise SystemExit(f"expected a build with pegaflow-bench in {folder}, found none")


def contenders(arguments: argparse.Namespace) -> list[Contender]:
    """Each variant is a contender of its own, so that rounds interleave them all."""
    python = str(arguments.python)
    found = []
    for name, folder, links in (
        ("pegaflow", arguments.bin_dir, arguments.links),
        ("pegaflow-ucx-1.22", arguments.ucx_bin_dir, arguments.ucx_links),
    ):
        chosen = list(filter(None, links.split(",")))
        if folder is None or not chosen:
            continue
        program = program_in(folder)
        for choice in chosen:
            options = arguments.pegaflow.split()
            found.append(Contender(f"{name} {choice}", own_command(program, choice, options)))
    for engine, script, variants in (
        ("nixl", "nixl_peer.py", arguments.nixl),
        ("mooncake", "mooncake_peer.py", arguments.mooncake),
        ("floor", "floors_peer.py", arguments.floors),
    ):
        for variant in filter(None, variants.split(",")):
            script_path = str(HERE / "peers" / script)
            command = (python, script_path, "--variants", variant, "--memory", arguments.memory)
            found.append(Contender(f"{engine} {variant}", command))
    return found


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def pages_for(contender: Contender, total: int, arguments: argparse.Namespace) -> list[int]:
    """Without those of which a transfer would have too many for this contender."""
    pages = [int(page) for page in arguments.pages.split(",")]
    if not contender.name.startswith(PER_PAGE):
        return pages
    for page in pages:
        if total // page > arguments.max_pages:
            what = f"{total // page} pages of {page} are more than --max-pages"
            say(f"  {contender.name}: left out, {what} {arguments.max_pages}")
    return [page for page in pages if total // page <= arguments.max_pages]


def output_of(command: list[str], limit_s: float) -> tuple[str, str, str]:
    """What it printed to stdout and stderr, even if it did not end in time, and why it failed."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as process:
        try:
            out, errors = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # its processes, too
            out, errors = process.communicate()
            return out, errors, f"more than {limit_s:.0f} s"
        except BaseException:  # this program is being ended
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return out, errors, f"exit status {process.returncode}" if process.returncode else ""


def run(contender: Contender, total: int, arguments: argparse.Namespace, seed: int) -> list[Line]:
    """One round of one contender, over all page sizes."""
    option = "--totals" if "pegaflow" in contender.name else "--total"
    pages = pages_for(contender, total, arguments)
    if not pages:
        return []
    command = [
        *contender.command,
        *(option, str(total), "--pages", ",".join(map(str, pages)), "--seed", str(seed)),
        *("--iterations", str(arguments.iterations), "--warmup", str(arguments.warmup)),
    ]
    out, errors, failure = output_of(command, arguments.time_limit)
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if failure:
        say(f"  {contender.name}: {failure}")
        for text in (errors or out).strip().splitlines()[-STDERR_LINES:]:
            say(f"    {text}")
    for line in lines:
        if contender.name.endswith(WITHOUT_CHECKSUMS):
            line["variant"] += WITHOUT_CHECKSUMS
        if "ucx-1.22" in contender.name:
            line["variant"] += " (UCX 1.22)"
    return lines


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
    add(
        "--max-pages",
        type=int,
        default=262144,
        help="of a transfer, for NIXL, Mooncake, batch_copy and process_vm_writev, whose time is "
        "that of the number of pages; what has more is left out and said on stderr (262144)",
    )
    add(
        "--time-limit",
        type=float,
        default=900,
        help="seconds of one contender in a round, over all page sizes",
    )
    arguments = parser.parse_args()
    for name, value in (CUDA if arguments.memory == "cuda" else HOST).items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)
    return arguments


def write(lines: list[Line], base: Path) -> str:
    """NAME.jsonl and NAME.md with all samples until now; returns the table."""
    results = merged(lines)
    with open(f"{base}.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps(line) + "\n" for line in results)
    text = "".join(table(results, total) for total in sorted({x["bytes"] for x in results}))
    load = os.getloadavg()
    text += f"\nLoad averages at the end: {load[0]:.1f}, {load[1]:.1f}, {load[2]:.1f}.\n"
    Path(f"{base}.md").write_text(text, encoding="utf-8")
    return text


def draw(lines: list[Line], base: Path) -> None:
    results = merged(lines)
    try:
        for total in sorted({line["bytes"] for line in results}):
            figure(results, total, Path(f"{base}-{total >> 20}MiB.svg"))
    except ImportError as error:
        say(f"no SVG: {error}")


def main() -> None:
    arguments = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    arguments.results.mkdir(parents=True, exist_ok=True)
    base = arguments.results / arguments.name
    lines: list[Line] = []
    text = ""
    chosen = contenders(arguments)
    for total in map(int, arguments.totals.split(",")):
        for number in range(arguments.rounds):
            # Another order each time: nobody always runs after the same neighbour.
            shift = number * 5 % len(chosen)
            for contender in chosen[shift:] + chosen[:shift]:
                say(f"{total} bytes, round {number + 1}: {contender.name}")
                lines += run(contender, total, arguments, number + 1)
                text = write(lines, base)  # a run that is ended early keeps what it has
    print(text)
    draw(lines, base)


if __name__ == "__main__":
    main()
