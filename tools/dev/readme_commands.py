"""Runs the commands that a Markdown page tells its reader to run: every block fenced as `sh`.

Usage: readme_commands.py PAGE…

Blocks run in order, each in a shell of its own, from the repository's root; one that fails or takes
longer than LIMIT_SECONDS fails the check. A line that runs tools/test.sh or .ci/run would never end
(they run this check), so such a line only has its options checked. Output and commands that are not
to be run are fenced as `text` or `console`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 1500
RECURSIVE = re.compile(r"^(?:bash )?(tools/test\.sh|\.ci/run)\b([^#]*)", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block of commands."""

    page: Path
    line: int
    text: str


def read_blocks(page: Path) -> list[Block]:
    blocks: list[Block] = []
    inside: list[str] | None = None
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        if inside is None and line.strip() == "```sh":
            inside, start = [], number
        elif inside is not None and line.strip() == "```":
            blocks.append(Block(page, start, "\n".join(inside) + "\n"))
            inside = None
        elif inside is not None:
            inside.append(line)
    return blocks


def runnable(text: str) -> str:
    """The block's commands, with those that would run this check again turned into `--list`."""
    return RECURSIVE.sub(lambda match: f"tools/test.sh --list{match[2].rstrip()} ", text)


def run_block(block: Block) -> bool:
    print(f"{block.page}:{block.line}:\n{block.text}", flush=True)
    command = ["bash", "-euo", "pipefail", "-c", runnable(block.text)]
    try:
        done = subprocess.run(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"{block.page}:{block.line}: did not end within {LIMIT_SECONDS} s")
        return False
    if done.returncode != 0:
        print(f"{block.page}:{block.line}: exit status {done.returncode}")
    return done.returncode == 0


def main(arguments: list[str]) -> int:
    blocks = [block for argument in arguments for block in read_blocks(Path(argument))]
    if not blocks:
        print("readme_commands: no block fenced as `sh` found")
        return 1
    passed = sum(run_block(block) for block in blocks)
    print(f"readme_commands: {passed} of {len(blocks)} blocks work")
    return 0 if passed == len(blocks) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
