"""Runs clang-tidy over a compile_commands.json, and not again over what has not changed.

Usage: tidy.py BUILD_FOLDER [PATH_PREFIX…]

Most of a unit's time goes into the headers that it shares with its neighbours. So units that lie
near one another and are compiled alike are checked as one: their texts after one another, in one
file, unless both have names of their own that are alike. Where a group has findings, its halves are
checked, and so on: what a unit has when it is alone is what counts.

A group that passed is remembered under a digest of everything that its result depends on: the texts
and those of all headers they include, the command, the .clang-tidy files and clang-tidy's version.
The memory ($XDG_CACHE_HOME or ~/.cache, pegaflow/tidy) serves all clones.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
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
LIMIT_SECONDS = 900
GROUP_SIZE = 20
DEPTH = 2  # of the folder that a group's units share: src/agent


@dataclass(frozen=True)
class Group:
    """Translation units that are compiled with the same arguments."""

    sources: tuple[Path, ...]
    build_folder: Path  # where the compiler runs
    arguments: tuple[str, ...]  # of the compiler, without its name, the source and the output

    @property
    def name(self) -> str:
        first = self.sources[0].relative_to(ROOT).as_posix()
        return first if len(self.sources) == 1 else f"{first} and {len(self.sources) - 1} more"

    def halves(self) -> list[Group]:
        middle = len(self.sources) // 2
        parts = self.sources[:middle], self.sources[middle:]
        return [Group(part, self.build_folder, self.arguments) for part in parts]


UNNAMED = re.compile(r"^namespace \{\n(.*?)^\}  // namespace$", re.MULTILINE | re.DOTALL)
NAME = re.compile(r"^[^\s#/}].*?(\w+) ?[({;\[=]", re.MULTILINE)


def _own_names(source: Path) -> set[str]:
    """Roughly, the names in a file's unnamed namespaces; what is written in capitals is a macro."""
    parts = UNNAMED.findall(source.read_text())
    return {name for part in parts for name in NAME.findall(part) if not name.isupper()}


def _packed(sources: list[Path]) -> list[list[Path]]:
    """Sources in as few groups as go without two of one name in one."""
    groups: list[tuple[list[Path], set[str]]] = []
    for source in sources:
        names = _own_names(source)
        for members, taken in groups:
            if len(members) < GROUP_SIZE and not names & taken:
                members.append(source)
                taken |= names
                break
        else:
            groups.append(([source], names))
    return [members for members, _ in groups]


def _arguments(command: str, source: str) -> tuple[str, ...]:
    words = shlex.split(command)[1:]
    position = words.index("-o")
    del words[position : position + 2]
    return tuple(word for word in words if word not in ("-c", source))


def read_groups(build: Path, prefixes: list[str]) -> list[Group]:
    """The C++ units below the given prefixes of the root; generated ones are left out."""
    alike: dict[tuple[tuple[str, ...], Path, tuple[str, ...]], set[Path]] = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = Path(entry["file"])
        if source.suffix != ".cc" or not source.is_relative_to(ROOT):
            continue
        relative = source.relative_to(ROOT)
        if relative.parts[0] == "build":
            continue
        if not prefixes or relative.as_posix().startswith(tuple(prefixes)):
            arguments = _arguments(entry["command"], entry["file"])
            place = relative.parent.parts[:DEPTH]
            alike.setdefault((place, Path(entry["directory"]), arguments), set()).add(source)
    groups = []
    for (_, folder, arguments), members in sorted(alike.items()):
        for sources in _packed(sorted(members)):
            groups.append(Group(tuple(sources), folder, arguments))
    return groups


def _one_file(group: Group, scratch: Path) -> Path:
    """The group's texts in one file; a single unit stays where it is."""
    if len(group.sources) == 1:
        return group.sources[0]
    texts = (f'#line 1 "{source}"\n{source.read_text()}\n' for source in group.sources)
    name = hashlib.sha256(group.name.encode()).hexdigest()[:16]
    path = scratch / f"{name}.cc"
    path.write_text("".join(texts))
    return path


def _compiler_arguments(group: Group) -> list[str]:
    folders = sorted({str(source.parent) for source in group.sources})
    return [*group.arguments, *(word for folder in folders for word in ("-iquote", folder))]


def dependencies(group: Group, source: Path) -> list[Path]:
    """All files the group reads; empty when the compiler cannot say: then nothing is remembered."""
    options = ["-M", "-MG", "-MT", "unit"]
    command = [COMPILER, *_compiler_arguments(group), str(source), *options]
    done = subprocess.run(
        command, cwd=group.build_folder, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return []
    names = shlex.split(done.stdout.replace("\\\n", " "))[1:]
    return [group.build_folder / name for name in names if group.build_folder / name != source]


@lru_cache(maxsize=None)
def _digest_of(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


@lru_cache(maxsize=None)
def _version() -> bytes:
    return subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout


def _configuration(source: Path) -> bytes:
    """What the .clang-tidy files above a source say, in one.

    clang-tidy prints some options (Hungarian prefixes) that it refuses to read again.
    """
    command = [TIDY, "--dump-config", str(source), "--"]
    dump = subprocess.run(command, capture_output=True, check=True).stdout
    return b"".join(line for line in dump.splitlines(True) if b"HungarianPrefix" not in line)


def key_of(group: Group, source: Path, configuration: bytes) -> str:
    """The digest of everything the group's result depends on; empty when it is not known."""
    files = dependencies(group, source)
    if not files:
        return ""
    digest = hashlib.sha256(_version() + configuration)
    digest.update(" ".join(group.arguments).replace(str(ROOT), "").encode())
    for path in [*group.sources, *files]:
        name = os.path.normpath(path).replace(str(ROOT), "")
        digest.update(name.encode() + b"\0" + _digest_of(path))
    return digest.hexdigest()


@dataclass(frozen=True)
class Verdict:
    """What clang-tidy said about one group."""

    group: Group
    findings: str  # empty: none
    cached: bool
    seconds: float


def _findings(group: Group, scratch: Path, configuration: Path) -> str:
    """What is wrong with the group's units, one by one; empty: nothing."""
    source = _one_file(group, scratch)
    command = [TIDY, f"--config-file={configuration}", "--quiet", str(source)]
    command += ["--", COMPILER, *_compiler_arguments(group)]
    try:
        done = subprocess.run(
            command,
            cwd=group.build_folder,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{group.name}: error: clang-tidy took over {LIMIT_SECONDS} s\n"
    if done.returncode == 0:
        return ""
    if len(group.sources) > 1:
        return "".join(_findings(half, scratch, configuration) for half in group.halves())
    return f"{group.name}:\n{done.stdout.strip() or done.stderr or 'failed'}\n"


def check(group: Group, scratch: Path) -> Verdict:
    started = time.monotonic()
    source = _one_file(group, scratch)
    configuration = _configuration(group.sources[0])
    key = key_of(group, source, configuration)
    memory = CACHE / key[:2] / key if key else None
    if memory and memory.exists():
        os.utime(memory)
        return Verdict(group, "", True, time.monotonic() - started)
    name = hashlib.sha256(configuration).hexdigest()[:16]
    configuration_file = scratch / f"{name}.clang-tidy"
    configuration_file.write_bytes(configuration)
    findings = _findings(group, scratch, configuration_file)
    if not findings and memory:
        memory.parent.mkdir(parents=True, exist_ok=True)
        memory.touch()
    return Verdict(group, findings, False, time.monotonic() - started)


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
    groups = read_groups(build, arguments[1:])
    scratch = build / "tidy"
    scratch.mkdir(exist_ok=True)
    failed = cached = 0
    slowest: list[tuple[float, str]] = []
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for verdict in pool.map(lambda group: check(group, scratch), groups):
            failed += bool(verdict.findings)
            cached += verdict.cached
            slowest = sorted([*slowest, (verdict.seconds, verdict.group.name)], reverse=True)[:3]
            if verdict.findings:
                print(verdict.findings, flush=True)
    forget_old()
    files = sum(len(group.sources) for group in groups)
    print(f"tidy: {files} files in {len(groups)} groups, {cached} unchanged,", end="")
    print(f" {failed} with findings; slowest:", end="")
    print(*(f" {name} {seconds:.0f} s" for seconds, name in slowest), sep=",")
    return 1 if failed or not groups else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
