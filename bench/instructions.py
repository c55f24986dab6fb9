"""Counts the instructions of fixed pieces of the data path and compares them with a baseline.

Usage: instructions.py PROGRAM [--update]. PROGRAM is bench/fixed_work of a release build. Counts
are of this project's own functions (what they inline included): libraries differ from machine to
machine. A piece that needs more than the tolerance above its baseline is an error; one that needs
less is told, so that the baseline can follow. Compilers differ, too: with another major version
than the baseline's nothing is compared, and that is said.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BASELINE = Path(__file__).resolve().parent / "instructions.json"
PIECES = ("pages", "large_pages", "layouts", "rings", "control")
TOLERANCE = 0.05
OWN = "pegaflow::"
NAME = re.compile(r"^fn=\((\d+)\)(?: (.*))?$")
COST = re.compile(r"^[+*-]?\d*\s+(\d+)$")


def own_instructions(profile: str) -> int:
    """The instructions of a callgrind profile that its own lines give to this project."""
    names: dict[str, str] = {}
    total = 0
    own = called = False
    for line in profile.splitlines():
        if match := NAME.match(line):
            if match[2] is not None:
                names[match[1]] = match[2]
            own = OWN in names[match[1]]
        elif match := re.match(r"^cfn=\((\d+)\) (.*)$", line):
            names[match[1]] = match[2]
        elif line.startswith("calls="):
            called = True  # the next line is what the callee cost
        elif match := COST.match(line):
            if own and not called:
                total += int(match[1])
            called = False
    return total


def count(program: Path, piece: str) -> int:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "profile"
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        subprocess.run([*command, "-q", str(program), piece], check=True)
        return own_instructions(out.read_text(encoding="utf-8"))


def compiler_of(program: Path) -> str:
    """Such as "GCC 12", from what compilers leave in a program."""
    text = subprocess.run(
        ["readelf", "-p", ".comment", str(program)], check=True, capture_output=True, text=True
    ).stdout
    match = re.search(r"(GCC|clang)\D+?(?:\([^)]*\) )?(\d+)\.", text)
    return f"{match[1]} {match[2]}" if match else "unknown"


def compare(counts: dict[str, int], wanted: dict[str, int]) -> bool:
    """Prints each piece; false if one needs too much."""
    fine = True
    for piece, number in counts.items():
        share = number / wanted[piece] - 1
        verdict = "ok"
        if share > TOLERANCE:
            verdict = f"too many; at most {TOLERANCE:.0%} more are allowed"
            fine = False
        elif share < -TOLERANCE:
            verdict = "fewer: let the baseline follow (--update)"
        print(f"{piece}: {number} instructions, {share:+.1%}: {verdict}")
    return fine


def main() -> int:
    parser = argparse.ArgumentParser(description="Counts instructions of the data path.")
    parser.add_argument("program", type=Path)
    parser.add_argument("--update", action="store_true", help="write the baseline")
    arguments = parser.parse_args()
    compiler = compiler_of(arguments.program)
    counts = {piece: count(arguments.program, piece) for piece in PIECES}
    if arguments.update:
        text = json.dumps({"compiler": compiler, "instructions": counts}, indent=2)
        BASELINE.write_text(text + "\n", encoding="utf-8")
        return 0
    baseline = json.loads(BASELINE.read_text(encoding="utf-8"))
    if baseline["compiler"] != compiler:
        print(f"built with {compiler}, the baseline with {baseline['compiler']}: not compared")
        return 0
    return 0 if compare(counts, baseline["instructions"]) else 1


if __name__ == "__main__":
    sys.exit(main())
