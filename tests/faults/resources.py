"""What a process holds of the kernel's: descriptors by kind, threads."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

_NAMES_OF_ONE_USE = re.compile(r"(?<=_)[0-9a-f]+\b|\d{2,}")


def held_by(pid: int) -> Counter[str]:
    """Descriptors by what they are (socket, memfd, eventfd, files by name), and threads."""
    held: Counter[str] = Counter()
    process = Path(f"/proc/{pid}")
    for fd in os.listdir(process / "fd"):
        try:
            target = os.readlink(process / "fd" / fd)
        except FileNotFoundError:
            continue  # closed meanwhile
        held[_NAMES_OF_ONE_USE.sub("#", target.split(":")[0])] += 1
    held["thread"] = len(os.listdir(process / "task"))
    return held


def more_than(now: Counter[str], before: Counter[str]) -> dict[str, int]:
    """What there is more of than before."""
    return dict(now - before)
