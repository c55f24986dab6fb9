"""Writes pegaflow/_core.pyi from the installed extension: python make_stub.py [PATH]"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import black

ARRAY = re.compile(r"Annotated\[NDArray, dict\([^\]]*?\)\]|\bNDArray\b")
HEADER = '''"""{summary}"""

# Written by make_stub.py from the extension. Arrays are whatever speaks DLPack or the buffer
# protocol, which no type expresses. flake8 wants blank lines where black takes them out:
# flake8: noqa: E301, E302
'''


def stub() -> str:
    """The stub's text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "_core.pyi"
        command = [sys.executable, "-m", "nanobind.stubgen", "-q", "-m", "pegaflow._core"]
        # Elsewhere, so that it finds the installed package and not the sources.
        subprocess.run([*command, "-o", str(path)], check=True, cwd=folder)
        text = path.read_text()
    summary, rest = re.fullmatch(r'"""(.*?)"""\n(.*)', text, re.DOTALL).groups()  # type: ignore
    rest = rest.replace("from typing import Annotated\n", "from typing import Any\n")
    rest = rest.replace("\nfrom numpy.typing import NDArray\n", "")
    rest = ARRAY.sub("Any", rest)
    code = '    """An expected failure; `code` says of what kind."""\n'
    rest = rest.replace(code, code + "\n    code: Code\n")
    text = HEADER.format(summary=summary) + rest
    return black.format_str(text, mode=black.Mode(line_length=100, is_pyi=True))


if __name__ == "__main__":
    default = Path(__file__).parent / "pegaflow" / "_core.pyi"
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else default
    target.write_text(stub())
