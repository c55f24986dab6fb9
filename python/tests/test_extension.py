"""The extension lives in engines, which bring their own UCX: it must not name UCX's symbols."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

core = pytest.importorskip("pegaflow._core", reason="not installed: pip install ./python")


def test_it_uses_no_symbol_of_ucx():
    extension = Path(core.__file__).read_bytes()
    assert b"pegaflow" in extension
    # Symbols of the dynamic table are there as text, stripped or not; so are library names.
    assert re.findall(rb"\buc[pst]_\w+|libuc[pstm]\.so", extension) == []
