"""The stages of tools/test.sh: what each one runs. run_stages.py runs them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOBS = len(os.sched_getaffinity(0))
PYTHON = "build/venv/bin/python"


@dataclass(frozen=True)
class Stage:
    """Commands for bash, run from the repository's root; the first failing one ends the stage.

    $RESULTS is an empty folder for JUnit files; a stage that leaves none counts as one test.
    """

    name: str
    what: str
    commands: tuple[str, ...]
    quick: bool = False  # runs without --full too
    needs: str = ""  # a path without which the stage does not exist
    limit_seconds: int = 1800


def _build(
    preset: str, options: str = "", folder: str = "", target: str = "all"
) -> tuple[str, ...]:
    folder = folder or preset
    return (
        f"cmake --preset {preset} -B build/{folder} {options}",
        f"cmake --build build/{folder} -j {JOBS} --target {target} -- -k 0",
    )


def _ctest(folder: str, options: str = "") -> str:
    return (
        f"ctest --test-dir build/{folder} -j {JOBS} --timeout 120 --output-on-failure"
        f' --no-tests=error --output-junit "$RESULTS/ctest.xml" {options}'
    )


def _pytest_folders() -> str:
    folders = ("tests/shell", "tests/python", "python/tests")
    return " ".join(folder for folder in folders if (ROOT / folder).is_dir())


def all_stages() -> list[Stage]:
    """Every stage, in the order in which they run."""
    ucx_options = (
        '-DUCX_ROOT="$(tools/dev/fetch_ucx_wheel.sh)" -DPEGAFLOW_BENCH=OFF'
        ' -DPEGAFLOW_TEST_LABELS="ucx|integration"'
    )
    return [
        Stage("build", "GCC, -Werror", _build("dev"), quick=True),
        Stage("tests", "unit, property, integration, faults", (_ctest("dev"),), quick=True),
        Stage(
            "python",
            "pytest",
            (f'{PYTHON} -m pytest -q --junitxml="$RESULTS/pytest.xml" {_pytest_folders()}',),
            quick=True,
        ),
        Stage(
            "rdma",
            "RDMA in a virtual machine",
            ("bash tests/rdma/run.sh",),
            quick=True,
            needs="tests/rdma/run.sh",
        ),
        Stage("lint", "format, tidy, layers, scripts, Python", ("bash tools/dev/lint.sh",)),
        Stage("asan", "clang, address and undefined behaviour", (*_build("asan"), _ctest("asan"))),
        Stage(
            "tsan",
            "clang, data races; tests labelled tsan",
            (*_build("tsan", target="pegaflow_tests"), _ctest("tsan")),
        ),
        Stage(
            "ucx-1.22",
            "the second UCX",
            (*_build("dev", ucx_options, folder="ucx122"), _ctest("ucx122")),
            needs="src/transport/ucx",
        ),
        Stage(
            "fuzz",
            "each decoder, for a few seconds",
            (*_build("fuzz", target="pegaflow_tests"), _ctest("fuzz")),
            needs="tests/fuzz/CMakeLists.txt",
        ),
        Stage(
            "install",
            "a program against the installed package",
            ("bash tests/install/run.sh build/dev",),
            needs="src/client/CMakeLists.txt",
        ),
        Stage(
            "readme",
            "the commands of README.md",
            (f"{PYTHON} tools/dev/readme_commands.py README.md",),
            needs="README.md",
        ),
    ]
