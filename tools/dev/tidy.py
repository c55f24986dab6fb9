"""Runs clang-tidy over a compile_commands.json, and not again over what has not changed.

Usage: tidy.py BUILD_FOLDER [PATH_PREFIX…]

A translation unit that passed is remembered under a digest of everything that its result depends
on: its own text and that of all headers it includes, its command, the .clang-tidy files and
clang-tidy's version. The memory ($XDG_CACHE_HOME or ~/.cache, pegaflow/tidy) serves all clones.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-19"
COMPILER = "clang++-19"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pegaflow" / "tidy"
CACHE_DAYS = 30
LIMIT_SECONDS = 600


@dataclass(frozen=True)
class Unit:
    """One translation unit of the compile database."""

    source: Path
    folder: Path
    arguments: tuple[str, ...]


def read_units(build: Path, prefixes: list[str]) -> list[Unit]:
    """The C++ units below the given prefixes of the root; generated ones are left out."""
    units = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = Path(entry["file"])
        if source.suffix != ".cc" or not source.is_relative_to(ROOT):
            continue
        relative = source.relative_to(ROOT).as_posix()
        if relative.startswith("build/"):
            continue
        if not prefixes or relative.startswith(tuple(prefixes)):
            arguments = tuple(shlex.split(entry["command"]))
            units[source] = Unit(source, Path(entry["directory"]), arguments)
    return [units[source] for source in sorted(units)]


def dependencies(unit: Unit) -> list[Path]:
    """All files the unit reads; empty when the compiler cannot say: such a unit is not cached."""
    kept = [argument for argument in unit.arguments[1:] if argument != "-c"]
    if "-o" in kept:
        position = kept.index("-o")
        del kept[position : position + 2]
    command = [COMPILER, *kept, "-M", "-MG", "-MT", "unit"]
    done = subprocess.run(command, cwd=unit.folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return []
    names = shlex.split(done.stdout.replace("\\\n", " "))[1:]
    return [unit.folder / name for name in names]


@lru_cache(maxsize=None)
def _digest_of(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


@lru_cache(maxsize=None)
def _configuration() -> bytes:
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    files = [ROOT / ".clang-tidy", *sorted(ROOT.glob("*/.clang-tidy"))]
    return version + b"".join(path.read_bytes() for path in files)


def key_of(unit: Unit) -> str:
    """The digest of everything the unit's result depends on; empty when it is not known."""
    files = dependencies(unit)
    if not files:
        return ""
    digest = hashlib.sha256(_configuration())
    digest.update(" ".join(unit.arguments).replace(str(ROOT), "").encode())
    for path in files:
        name = os.path.normpath(path).replace(str(ROOT), "")
        digest.update(name.encode() + b"\0" + _digest_of(path))
    return digest.hexdigest()


@dataclass(frozen=True)
class Verdict:
    """What clang-tidy said about one unit."""

    unit: Unit
    ok: bool
    cached: bool
    seconds: float
    output: str


def check(unit: Unit, build: Path) -> Verdict:
    started = time.monotonic()
    key = key_of(unit)
    memory = CACHE / key[:2] / key if key else None
    if memory and memory.exists():
        os.utime(memory)
        return Verdict(unit, True, True, time.monotonic() - started, "")
    command = [TIDY, "-p", str(build), "--quiet", str(unit.source)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
        ok, output = done.returncode == 0, done.stdout
        if not ok and not output.strip():
            output = done.stderr
    except subprocess.TimeoutExpired:
        ok, output = False, f"{unit.source}: error: clang-tidy took over {LIMIT_SECONDS} s\n"
    if ok and memory:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.touch()
    return Verdict(unit, ok, False, time.monotonic() - started, output)


def forget_old() -> None:
    oldest = time.time() - CACHE_DAYS * 24 * 3600
    for path in CACHE.glob("*/*"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    if not arguments:
        print(__doc__, file=sys.stderr)
        return 2
    build = Path(arguments[0]).resolve()
    units = read_units(build, arguments[1:])
    failed = cached = 0
    slowest: list[tuple[float, str]] = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for verdict in pool.map(lambda unit: check(unit, build), units):
            failed += not verdict.ok
            cached += verdict.cached
            name = str(verdict.unit.source.relative_to(ROOT))
            slowest = sorted([*slowest, (verdict.seconds, name)], reverse=True)[:3]
            if not verdict.ok:
                print(f"{name}:\n{verdict.output}", flush=True)
    forget_old()
    print(f"tidy: {len(units)} files, {cached} unchanged, {failed} with findings; slowest:", end="")
    print(*(f" {name} {seconds:.0f} s" for seconds, name in slowest), sep=",")
    return 1 if failed or not units else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
