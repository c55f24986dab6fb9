"""bench/instructions.py: what it counts in a profile, and what it lets pass."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROFILE = """\
version: 1
positions: line
events: Ir

fl=(1) gather.cc
fn=(1) pegaflow::core::gather(int)
12 100
+3 20
cfn=(2) memcpy
calls=5 0
+1 4000
-2 7
fn=(2)
40 4000
cfn=(3) pegaflow::crc32c(int)
calls=1 0
41 9
fn=(3)
* 9

totals: 4136
"""


@pytest.fixture(name="instructions")
def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("instructions", ROOT / "bench/instructions.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["instructions"] = module
    spec.loader.exec_module(module)
    return module


def test_only_own_functions_count_and_not_what_they_call(instructions: ModuleType) -> None:
    assert instructions.own_instructions(PROFILE) == 100 + 20 + 7 + 9


def test_more_than_the_tolerance_is_an_error_and_less_is_told(
    instructions: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert instructions.compare({"pages": 1049}, {"pages": 1000})
    assert not instructions.compare({"pages": 1051}, {"pages": 1000})
    assert "too many" in capsys.readouterr().out
    assert instructions.compare({"pages": 900}, {"pages": 1000})
    assert "--update" in capsys.readouterr().out


def test_the_baseline_has_every_piece(instructions: ModuleType) -> None:
    baseline = json.loads(instructions.BASELINE.read_text())
    assert sorted(baseline["instructions"]) == sorted(instructions.PIECES)


def test_pages_of_2_kib_cost_about_what_pages_of_1_mib_do(instructions: ModuleType) -> None:
    """Per byte: both pieces move as many. bench/instructions.py keeps the numbers true."""
    baseline = json.loads(instructions.BASELINE.read_text())["instructions"]
    assert baseline["pages"] <= 1.25 * baseline["large_pages"]
