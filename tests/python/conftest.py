"""Tests of the programs' files and HTTP; programs from $PEGAFLOW_BIN_DIR or build/dev."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from rendezvous_service import Rendezvous  # noqa: E402


@pytest.fixture(scope="module")
def rendezvous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rendezvous]:
    service = Rendezvous(tmp_path_factory.mktemp("rendezvous"))
    yield service
    service.process.popen.terminate()
    assert service.process.popen.wait(timeout=20) == 0, service.process.log.read_text()
