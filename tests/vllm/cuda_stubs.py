"""Lets PyTorch's CUDA build load where there is no CUDA: for tests on the CPU, never to be shipped.

PyPI has PyTorch for Linux as a CUDA build only, and the libraries that it links weigh 2 GB. On a
machine without a GPU none of their functions is called, but the loader wants the files and every
symbol. This makes a library for each missing file; its functions return an error.

Usage: cuda_stubs.py SITE_PACKAGES. Needs gcc, nm, readelf.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

CUDA = re.compile(r"lib(cu|nccl|nv)\w*\.so\.\d+")
DRIVER = "libcuda.so.1"  # stays absent: what looks for a driver must find none
NOT_CUDA = re.compile(r"_Z|_?Py|_ITM|__|omp_|GOMP|gomp")  # C++, Python, the compiler's own


def output(*command: str) -> list[str]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


class Wanted:
    """What the binaries want from elsewhere: files, and symbols by (version, name)."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self.file_of_version: dict[str, str] = {}
        self.symbols: set[tuple[str, str]] = set()
        self.defined: set[str] = set()

    def read(self, binary: Path) -> None:
        self._read_needs(binary)
        for line in output("nm", "-D", "--with-symbol-versions", str(binary)):
            *_, kind, symbol = line.split()
            name, _, version = symbol.replace("@@", "@").partition("@")
            if kind == "U":
                self.symbols.add((version, name))
            elif kind not in "wv":
                self.defined.add(name)

    def _read_needs(self, binary: Path) -> None:
        file = ""
        for line in output("readelf", "-dVW", str(binary)):
            if "(NEEDED)" in line:
                self.files.add(line[line.index("[") + 1 : line.index("]")])
            if found := re.search(r"File: (\S+)", line):
                file = found[1]
            if file and (found := re.search(r"Name: (\S+)\s+Flags", line)):
                self.file_of_version[found[1]] = file


def by_file(wanted: Wanted, missing: list[str]) -> dict[str, dict[str, set[str]]]:
    """Per missing file, per version, the symbols to define.

    Symbols without a version are looked up in all loaded files, so any one of them will do.
    """
    plan: dict[str, dict[str, set[str]]] = {file: defaultdict(set) for file in missing}
    for version, name in wanted.symbols:
        if version:
            file = wanted.file_of_version.get(version, "")
            if file in plan:
                plan[file][version].add(name)
        elif name not in wanted.defined and not NOT_CUDA.match(name):
            plan[missing[0]][""].add(name)
    return plan


def build(library: Path, symbols: dict[str, set[str]]) -> None:
    """A shared library with these symbols, which all return 1."""
    names = sorted(set().union(*symbols.values())) if symbols else []
    with tempfile.TemporaryDirectory() as folder:
        source, script = Path(folder, "stub.c"), Path(folder, "stub.map")
        source.write_text("".join(f"int {name}(void) {{ return 1; }}\n" for name in names))
        versions = [
            f"{version} {{ global: {' '.join(f'{name};' for name in sorted(members))} }};"
            for version, members in sorted(symbols.items())
            if version
        ]
        script.write_text("\n".join(versions))
        command = ["gcc", "-shared", "-fPIC", "-w", "-fno-builtin", "-o", str(library)]
        command += [str(source), f"-Wl,-soname,{library.name}"]
        if versions:
            command.append(f"-Wl,--version-script={script}")
        subprocess.run(command, check=True)


def main(site: Path) -> None:
    libraries = site / "torch" / "lib"
    wanted = Wanted()
    for binary in [*libraries.glob("*.so"), *(site / "torch").glob("_C*.so")]:
        wanted.read(binary)
    for real in site.glob("nvidia/**/*.so.*"):
        for line in output("nm", "-D", "--defined-only", str(real)):
            wanted.defined.add(line.split()[-1].partition("@")[0])
    present = {path.name for path in [*libraries.iterdir(), *site.glob("nvidia/**/*.so.*")]}
    missing = sorted(f for f in wanted.files if CUDA.fullmatch(f) and f not in present | {DRIVER})
    if not missing:
        print("cuda_stubs: nothing is missing")
        return
    for file, symbols in by_file(wanted, missing).items():
        build(libraries / file, symbols)
    print(f"cuda_stubs: {len(missing)} libraries: {' '.join(missing)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
