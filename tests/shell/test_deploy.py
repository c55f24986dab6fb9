"""The systemd files in deploy/: accepted by systemd's own checks, and true to the programs."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service.in"))


def need(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def expand(unit: Path, bin_dir: Path, into: Path) -> Path:
    """The unit as cmake would install it, with its programs present."""
    text = unit.read_text().replace("@PEGAFLOW_BINDIR@", str(bin_dir))
    text = text.replace("@PEGAFLOW_DOCDIR@", "/usr/share/doc/pegaflow")
    for program in re.findall(rf"{re.escape(str(bin_dir))}/([a-z-]+)", text):
        stand_in = bin_dir / program
        stand_in.write_text("#!/bin/sh\n")
        stand_in.chmod(0o755)
    expanded = into / unit.name.removesuffix(".in")
    expanded.write_text(text)
    return expanded


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    analyze = need("systemd-analyze")
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    expanded = expand(unit, bin_dir, tmp_path)
    done = subprocess.run(
        [analyze, "verify", "--man=no", "--recursive-errors=no", str(expanded)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_unit_names_options_that_its_program_has(unit: Path) -> None:
    command = re.search(r"^ExecStart=@PEGAFLOW_BINDIR@/(\S+)(.*)$", unit.read_text(), re.MULTILINE)
    assert command is not None
    program, options = command[1], re.findall(r"--[a-z-]+", command[2])
    built = ROOT / "build" / "dev" / "tools" / program / program
    if not built.exists():
        pytest.skip(f"{built.relative_to(ROOT)} is not built")
    shown = subprocess.run(
        [built, "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert options and [option for option in options if option not in shown.stdout] == []


@pytest.mark.parametrize(
    "tool, file",
    [
        ("systemd-sysusers", "sysusers.d/pegaflow.conf"),
        ("systemd-tmpfiles", "tmpfiles.d/pegaflow.conf"),
    ],
)
def test_systemd_creates_user_and_folder(tool: str, file: str, tmp_path: Path) -> None:
    program = need(tool)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("pegaflow:x:990:990::/:/usr/sbin/nologin\n")
    (tmp_path / "etc" / "group").write_text("pegaflow:x:990:\n")
    command = [program, f"--root={tmp_path}"]
    if tool == "systemd-tmpfiles":
        command.append("--create")
    else:
        command.append("--dry-run")
    done = subprocess.run(
        [*command, str(ROOT / "deploy" / file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
