"""The checked-in type stub says what the extension is."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("pegaflow", reason="not installed: pip install --no-build-isolation ./python")
pytest.importorskip("nanobind", reason="nanobind is not installed")
pytest.importorskip("black", reason="black is not installed")

PYTHON = Path(__file__).resolve().parents[1]


def test_the_stub_is_up_to_date():
    spec = importlib.util.spec_from_file_location("make_stub", PYTHON / "make_stub.py")
    make_stub = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_stub)
    stored = (PYTHON / "pegaflow" / "_core.pyi").read_text()
    assert stored == make_stub.stub(), "run python/make_stub.py"
