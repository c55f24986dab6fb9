"""Breaks one rule of the product at a time and shows that the simulation notices.

    python3 tests/simulation/mutants.py --build build/dev             # all; prints a table
    python3 tests/simulation/mutants.py --build build/dev --only credit_told_twice
    python3 tests/simulation/mutants.py --check                       # do the patches still apply?

Each mutant replaces one text in one source file. The patched file alone is compiled, with the
build's own command, and linked in place of the original; the tree and the build stay as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mutant_list import MUTANTS, Mutant  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SEEDS = 5000
SIMULATION = "pegaflow_simulation"
UNIT_TESTS = ("agent_transfer_test", "agent_loop_test")


@dataclass(frozen=True)
class Verdict:
    """Who noticed a mutant, and what they said; nobody: `by` is empty."""

    by: str
    said: str


def patched(mutant: Mutant) -> str:
    """The source with its rule broken. ValueError: the patch does not fit exactly once."""
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    found = text.count(mutant.old)
    if found != 1:
        raise ValueError(f"{mutant.name}: its text is {found} times in {mutant.file}, not once")
    return text.replace(mutant.old, mutant.new)


def check() -> int:
    """Whether every patch applies."""
    wrong = 0
    for mutant in MUTANTS:
        try:
            patched(mutant)
        except ValueError as error:
            print(error)
            wrong += 1
    print(f"{len(MUTANTS) - wrong} of {len(MUTANTS)} mutants apply")
    return 1 if wrong else 0


class Builder:
    """Compiles and links mutants with the commands of a build folder."""

    def __init__(self, build: Path, scratch: Path) -> None:
        self.build = build.resolve()
        self.scratch = scratch
        entries = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
        self.compile: dict[str, list[str]] = {}  # by output
        self.outputs: dict[str, list[str]] = {}  # of each source
        for entry in entries:
            command = shlex.split(entry["command"])
            output = command[command.index("-o") + 1]
            self.compile[output] = command
            name = os.path.relpath(entry["file"], ROOT)
            self.outputs.setdefault(name, []).append(output)

    def link_command(self, target: str) -> str | None:
        """The last command of a target, or None where the build does not have it."""
        result = subprocess.run(
            ["ninja", "-C", str(self.build), "-t", "commands", target],
            capture_output=True,
            text=True,
            check=False,
        )
        return result.stdout.strip().splitlines()[-1] if result.returncode == 0 else None

    def object_of(self, mutant: Mutant) -> Path:
        """Compiles the patched file."""
        source = self.scratch / f"{mutant.name}.cc"
        source.write_text(patched(mutant), encoding="utf-8")
        output = self.scratch / f"{mutant.name}.o"
        command = list(self.compile[self.outputs[mutant.file][0]])
        command[command.index("-o") + 1] = str(output)
        command[command.index("-c") + 1] = str(source)
        command += ["-Wno-error", "-w"]
        subprocess.run(command, cwd=self.build, check=True)
        return output

    def program(self, target: str, mutant: Mutant, patched_object: Path) -> Path | None:
        """Links `target` with the patched object in place of the original."""
        command = self.link_command(target)
        if command is None:
            return None
        program = self.scratch / f"{target}.{mutant.name}"
        words = []
        replaced = False
        for word in shlex.split(command):
            if word in self.outputs[mutant.file]:
                word = str(patched_object)
                replaced = True
            words.append(word)
        at = words.index("-o")
        words[at + 1] = str(program)
        if not replaced:  # it is in a library, whose own copy is not taken when this one is there
            words.insert(at, str(patched_object))
        subprocess.run(" ".join(map(quote, words)), cwd=self.build, shell=True, check=True)
        return program


def quote(word: str) -> str:
    """For the shell, whose operators stay."""
    return word if word in ("&&", ":") else shlex.quote(word)


def first_words(output: str) -> str:
    """What a failing program said first."""
    for line in output.splitlines():
        if line.startswith("seed ") or "CHECK failed" in line or "FAILED" in line:
            return line.strip().replace("|", "/")[:110]
    return output.strip()[:110].replace("\n", " ")


def judge(builder: Builder, mutant: Mutant) -> Verdict:
    """Runs the simulation, then the unit tests, until one of them notices."""
    patched_object = builder.object_of(mutant)
    runs = [(SIMULATION, ["--first", "1", "--count", str(SEEDS)])]
    runs += [(test, []) for test in UNIT_TESTS]
    for target, arguments in runs:
        program = builder.program(target, mutant, patched_object)
        if program is None:
            continue
        try:
            result = subprocess.run(
                [str(program), *arguments],
                capture_output=True,
                text=True,
                timeout=1200,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Verdict(target, "does not end")
        finally:
            program.unlink()
        if result.returncode != 0:
            return Verdict(target, first_words(result.stderr + result.stdout))
    return Verdict("", "nobody noticed")


def run(build: Path, only: list[str]) -> int:
    """Judges the mutants and prints a table; 1: some were not noticed by whom they should be."""
    chosen = [mutant for mutant in MUTANTS if not only or mutant.name in only]
    missed = 0
    print("| Rule broken | Noticed by | What it said |\n|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        builder = Builder(build, Path(scratch))
        for mutant in chosen:
            verdict = judge(builder, mutant)
            missed += 0 if verdict.by == SIMULATION or (mutant.unseen and verdict.by) else 1
            print(
                f"| {mutant.what} | {verdict.by or 'nobody'} | {verdict.said} |",
                flush=True,
            )
    unseen = sum(mutant.unseen for mutant in chosen)
    print(
        f"\n{len(chosen) - missed} of {len(chosen)} noticed, {unseen} of them by a unit test alone"
    )
    return 1 if missed or not chosen else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "dev")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    return check() if options.check else run(options.build, options.only)


if __name__ == "__main__":
    sys.exit(main())
