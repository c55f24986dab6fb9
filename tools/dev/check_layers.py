"""Checks what no compiler checks: layers, vendor headers, and the house rules of a C++ file.

Usage: check_layers.py [ROOT]. Prints one line per finding; exit status 1 when one is an error.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Folders of src/ by layer: includes point to lower layers only, never sideways.
LAYERS = {
    "base": 0,
    "core": 1,
    "metrics": 1,
    "topology": 1,
    "wire": 1,
    "http": 1,
    "memory": 2,
    "transport": 2,
    "rendezvous": 2,
    "client": 3,
    "agent": 3,
}
# Beyond the layers: the engine-side library stays free of UCX and of HTTP.
FORBIDDEN = {"client": {"transport", "rendezvous", "http", "topology"}}

# Vendor headers, and the folders (prefixes) that may include them.
VENDORS = {
    r"uc[pst]/.*": ("src/transport/ucx/", "tests/transport/ucx/"),
    r"(cuda|cuda_.*|nvml)\.h": ("src/memory/cuda/", "tests/memory/cuda/", "bench/"),
    r"httplib\.h": ("src/http/",),
}
# Vendor headers that cost every includer seconds.
HEAVY = re.compile(r"nlohmann/json\.hpp|httplib\.h|spdlog/.*|CLI/.*|uc[pst]/.*")

WARN_LINES = 300
MAX_LINES = 600
CPP_FOLDERS = ("src", "include", "tools", "bench", "tests", "examples", "python")
CPP_SUFFIXES = {".h", ".cc", ".cu", ".cuh"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep|sleep)\s*\(")
POLL = "poll interval"


@dataclass(frozen=True)
class Finding:
    """One broken rule; `error` findings fail the check."""

    path: Path
    line: int
    text: str
    error: bool = True

    def __str__(self) -> str:
        kind = "error" if self.error else "warning"
        return f"{self.path}:{self.line}: {kind}: {self.text}"


@dataclass
class Source:
    """One file, its path relative to the root."""

    path: Path
    lines: list[str]
    includes: list[tuple[int, bool, str]] = field(default_factory=list)  # line, system?, name

    @property
    def is_header(self) -> bool:
        return self.path.suffix in {".h", ".cuh"}

    @property
    def folder(self) -> str:
        """The folder of src/ that the file belongs to, or the empty string."""
        parts = self.path.parts
        return parts[1] if parts[0] == "src" and len(parts) > 2 else ""


def read_source(root: Path, path: Path) -> Source:
    source = Source(path.relative_to(root), path.read_text().splitlines())
    for number, line in enumerate(source.lines, start=1):
        match = INCLUDE.match(line)
        if match:
            source.includes.append((number, match[1] == "<", match[2]))
    return source


def read_tree(root: Path) -> list[Source]:
    paths = (path for folder in CPP_FOLDERS for path in sorted((root / folder).rglob("*")))
    return [read_source(root, path) for path in paths if path.suffix in CPP_SUFFIXES]


def check_layers(source: Source) -> Iterator[Finding]:
    """Includes point downwards only."""
    public = source.path.parts[0] == "include"
    if not source.folder and not public:
        return  # programs, tests and benchmarks stand above all layers
    if source.folder and source.folder not in LAYERS:
        yield Finding(source.path, 1, f"src/{source.folder} has no layer in check_layers.py")
        return
    for line, system, name in source.includes:
        target = name.split("/")[0]
        if system or target not in LAYERS:
            continue
        if public:
            yield Finding(source.path, line, f"public header includes {name}; std types only")
        elif target in FORBIDDEN.get(source.folder, set()):
            yield Finding(source.path, line, f"{source.folder} must not include {target}")
        elif target != source.folder and LAYERS[target] >= LAYERS[source.folder]:
            text = f"{source.folder} (layer {LAYERS[source.folder]}) includes {name}"
            yield Finding(source.path, line, f"{text} (layer {LAYERS[target]}); only downwards")


def check_vendors(source: Source) -> Iterator[Finding]:
    """Vendor headers stay in the folders that hide them."""
    for line, _, name in source.includes:
        for pattern, allowed in VENDORS.items():
            if re.fullmatch(pattern, name) and not source.path.as_posix().startswith(allowed):
                if source.path.suffix == ".cu":
                    continue
                yield Finding(source.path, line, f"{name} may be included only in {allowed[0]}")
        if source.path.parts[0] == "include" and HEAVY.fullmatch(name):
            yield Finding(source.path, line, f"public header includes {name}; std types only")


def check_heavy_headers(sources: list[Source]) -> Iterator[Finding]:
    """A header that wraps a heavy vendor may be used anywhere, but what includes it is private.

    So a folder's own headers may share parsing code, and no other folder pays for it.
    """
    headers = {s.path.as_posix()[len("src/") :]: s for s in sources if s.folder and s.is_header}
    wrappers = {
        name for name, s in headers.items() if any(HEAVY.fullmatch(inc[2]) for inc in s.includes)
    }
    heavy = set(wrappers)
    while True:
        more = {
            name
            for name, s in headers.items()
            if name not in heavy and any(inc[2] in heavy for inc in s.includes)
        }
        if not more:
            break
        heavy |= more
    for source in sources:
        for line, _, name in source.includes if source.folder else ():
            if name in heavy - wrappers and headers[name].folder != source.folder:
                text = f"{name} includes a heavy vendor header: private to its folder"
                yield Finding(source.path, line, text)


def _has_comment(source: Source, number: int) -> bool:
    """Whether line `number` or the three lines before it carry a comment."""
    return any("//" in line for line in source.lines[max(0, number - 4) : number])


def check_house_rules(source: Source) -> Iterator[Finding]:
    """Pragma, leading comment, length."""
    if not source.lines or not source.lines[0].startswith(("//", "/*")):
        if source.is_header:
            yield Finding(source.path, 1, "a header starts with a comment: what lives here")
    if source.is_header and not any(line.strip() == "#pragma once" for line in source.lines):
        yield Finding(source.path, 1, "#pragma once is missing")
    if len(source.lines) > MAX_LINES:
        yield Finding(source.path, MAX_LINES, f"{len(source.lines)} lines; at most {MAX_LINES}")
    elif len(source.lines) > WARN_LINES:
        text = f"{len(source.lines)} lines; split by concept above {WARN_LINES}"
        yield Finding(source.path, WARN_LINES, text, error=False)


def _first_shared(source: Source) -> int:
    """The line of the file's first shared_ptr; 0 when it has none."""
    for number, line in enumerate(source.lines, start=1):
        if re.search(r"\b(shared_ptr|make_shared)\b", line.split("//")[0]):
            return number
    return 0


def check_shared_ownership(sources: list[Source]) -> Iterator[Finding]:
    """shared_ptr needs a reason, where a header first shares, or else a .cc file."""
    in_source = [s for s in sources if s.path.parts[0] != "tests" and _first_shared(s)]
    explained = {s.path.parent for s in in_source if s.is_header}
    for source in in_source:
        number = _first_shared(source)
        follows_header = not source.is_header and source.path.parent in explained
        if not follows_header and not _has_comment(source, number):
            yield Finding(source.path, number, "shared_ptr without a comment that says why")


def check_sleeps(root: Path) -> Iterator[Finding]:
    """Tests wait for conditions; a pause between two looks at one says `poll interval`."""
    for path in sorted((root / "tests").rglob("*")):
        if path.suffix not in {".cc", ".h", ".cu", ".py"}:
            continue
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if SLEEP.search(line) and POLL not in line:
                text = f"no sleeps in tests: wait for a condition (or say `{POLL}`)"
                yield Finding(path.relative_to(root), number, text)


def check_tree(root: Path) -> list[Finding]:
    sources = read_tree(root)
    findings: list[Finding] = []
    for source in sources:
        findings += check_layers(source)
        findings += check_vendors(source)
        findings += check_house_rules(source)
    findings += check_heavy_headers(sources)
    findings += check_shared_ownership(sources)
    findings += check_sleeps(root)
    return findings


def main(arguments: list[str]) -> int:
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parents[2]
    findings = check_tree(root)
    for finding in findings:
        print(finding)
    errors = sum(finding.error for finding in findings)
    print(f"check_layers: {errors} errors, {len(findings) - errors} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
