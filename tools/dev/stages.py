"""The stages of tools/test.sh: what each one runs. run_stages.py runs them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
JOBS = len(os.sched_getaffinity(0))
PYTHON = "build/venv/bin/python"
# UCX patches mmap when it is loaded, and what it would patch there is AddressSanitizer's.
UCX_BESIDE_ASAN = "export UCX_MEM_MMAP_HOOK_MODE=none"


@dataclass(frozen=True)
class Stage:
    """Commands for bash, run from the repository's root; all of them, whatever fails before.

    $RESULTS is an empty folder for JUnit files; a stage that leaves none counts as one test.
    $CTEST_RETRY and $PYTEST_RETRY are empty, or make a test that failed run once more.
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
        f' $CTEST_RETRY --no-tests=error --output-junit "$RESULTS/ctest.xml" {options}'
    )


def _pytest(*arguments: str, programs: str = "dev") -> str:
    """Arguments are options, and paths; paths that this tree does not have are left out."""
    present = " ".join(a for a in arguments if a.startswith("-") or (ROOT / a).exists())
    return (
        f"PEGAFLOW_BIN_DIR=$PWD/build/{programs} {PYTHON} -m pytest -q -raR --timeout 300"
        f' $PYTEST_RETRY --import-mode importlib --junitxml "$RESULTS/pytest.xml" {present}'
    )


def _python_package() -> tuple[str, ...]:
    if not (ROOT / "python" / "pyproject.toml").exists():
        return ()
    return (f"{PYTHON} -m pip install -q --disable-pip-version-check './python[test]'",)


def _deployments(programs: str, *paths: str) -> str:
    """Tests of whole deployments, made of the programs of a build folder.

    Several at once: they wait for deadlines more than they compute.
    """
    return _pytest("-n 3", "tests/integration", *paths, programs=programs)


def all_stages() -> list[Stage]:
    """Every stage, in the order in which they run."""
    ucx_options = (
        "-DUCX_ROOT=$PWD/build/ucx-1.22/libucx -DPEGAFLOW_BENCH=OFF"
        ' -DPEGAFLOW_TEST_LABELS="ucx|integration"'
    )
    return [
        Stage("build", "GCC, -Werror", _build("dev"), quick=True),
        Stage("tests", "unit and property tests", (_ctest("dev"),), quick=True),
        Stage(
            "cluster",
            "whole deployments, and faults in them",
            (_deployments("dev", "tests/faults", "tests/gpu"),),
            quick=True,
            needs="tests/integration",
        ),
        Stage(
            "python",
            "scripts, formats, bindings",
            (*_python_package(), _pytest("tests/shell", "tests/python", "python/tests")),
            quick=True,
        ),
        Stage(
            "rdma",
            "RDMA in a virtual machine",
            ("bash tests/rdma/run.sh",),
            quick=True,
            needs="tests/rdma/run.sh",
        ),
        Stage(
            "style",
            "format, layers, scripts, spelling, Python",
            ("bash tools/dev/lint.sh format layers shell spelling python",),
        ),
        Stage(
            "soak",
            "random requests and faults, 3 minutes",
            ("tools/soak.sh --seconds 90 --link direct", "tools/soak.sh --seconds 90 --link tcp"),
        ),
        Stage(
            "tidy",
            "clang-tidy, public headers alone",
            ("bash tools/dev/lint.sh headers tidy",),
            limit_seconds=2700,
        ),
        Stage(
            "asan",
            "clang, address and undefined behaviour",
            (
                UCX_BESIDE_ASAN,
                *_build("asan", "-DPEGAFLOW_BENCH=OFF"),
                _ctest("asan"),
                _deployments("asan"),
            ),
            limit_seconds=2700,
        ),
        Stage(
            "tsan",
            "clang, data races; tests labelled tsan",
            (*_build("tsan", target="pegaflow_tests"), _ctest("tsan")),
        ),
        Stage(
            "ucx-1.22",
            "the second UCX",
            (
                "bash tools/dev/fetch_ucx_wheel.sh",
                *_build("dev", ucx_options, folder="ucx122"),
                _ctest("ucx122"),
                _deployments("ucx122"),
            ),
            needs="src/transport/ucx",
        ),
        Stage(
            "fuzz",
            "each decoder, for a few seconds",
            (UCX_BESIDE_ASAN, *_build("fuzz", target="pegaflow_tests"), _ctest("fuzz")),
            needs="tests/fuzz/CMakeLists.txt",
        ),
        Stage(
            "cuda",
            "with CUDA, on a machine without a driver, and without CUDA",
            ("bash tools/dev/cuda_builds.sh",),
            needs="tools/dev/cuda_builds.sh",
        ),
        Stage(
            "instructions",
            "instruction counts of the data path against their baseline",
            (
                *_build("release", target="fixed_work"),
                f"{PYTHON} bench/instructions.py build/release/bench/fixed_work",
            ),
            needs="bench/instructions.json",
        ),
        Stage(
            "install",
            "a program against the installed package",
            ("bash tests/install/run.sh build/dev",),
            needs="src/client/CMakeLists.txt",
        ),
        Stage(
            "vllm",
            "the real vLLM on the CPU: two servers, agents, proxy, faults",
            ("bash tests/vllm/run.sh",),
            needs="tests/vllm/run.sh",
        ),
        Stage(
            "readme",
            "the commands of README.md",
            (f"{PYTHON} tools/dev/readme_commands.py README.md",),
            needs="README.md",
        ),
    ]
