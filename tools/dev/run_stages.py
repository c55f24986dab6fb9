"""Runs the stages of stages.py one after the other and sums up.

All stages run whatever fails before them. Each stage's output goes to build/logs/STAGE.log. The
last line is `N passed, N failed, N skipped` over all test cases; the exit status is 0 only when
something passed and nothing failed.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import junit_counts
from junit_counts import Counts
from stages import ROOT, Stage, all_stages

PROGRESS_SECONDS = 60
CTEST_FAILURE = re.compile(r"Test +#\d+: (\S+) .*\*\*\*(?:Failed|Timeout|Exception)")
PYTEST_RERUN = re.compile(r"^RERUN \S*::(\S+)", re.MULTILINE)
TAIL_LINES = 60


@dataclass(frozen=True)
class Outcome:
    """How one stage ended."""

    stage: Stage
    exit_status: int
    seconds: float
    counts: Counts
    results: Path
    unstable: tuple[str, ...] = ()  # tests that failed and passed when run once more

    @property
    def ok(self) -> bool:
        return self.exit_status == 0 and self.counts.failed == 0


def say(text: str) -> None:
    print(text, flush=True)


def _environment(results: Path, retry: bool) -> dict[str, str]:
    symbols = "external_symbolizer_path=/usr/bin/llvm-symbolizer-19"
    suppressions = ROOT / "tools" / "dev" / "tsan.supp"
    defaults = {
        "CCACHE_MAXSIZE": "5G",
        "ASAN_OPTIONS": f"detect_stack_use_after_return=1:strict_string_checks=1:{symbols}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:{symbols}",
        "TSAN_OPTIONS": f"halt_on_error=1:suppressions={suppressions}:{symbols}",
    }
    retries = {
        "CTEST_RETRY": "--repeat until-pass:2" if retry else "",
        "PYTEST_RETRY": "--reruns 1" if retry else "",
    }
    return defaults | os.environ | retries | {"RESULTS": str(results)}


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """Ends what the stage may have left running; it has a process group of its own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").rstrip().splitlines()
    return lines[-1][:100] if lines else ""


def _wait(process: subprocess.Popen[bytes], stage: Stage, log: Path) -> int:
    """The exit status; 124 when the stage ran past its limit."""
    started = time.monotonic()
    while True:
        elapsed = time.monotonic() - started
        left = stage.limit_seconds - elapsed
        if left <= 0:
            say(f"    {stage.name}: ended after its limit of {stage.limit_seconds} s")
            return 124
        try:
            return process.wait(min(left, PROGRESS_SECONDS))
        except subprocess.TimeoutExpired:
            elapsed = time.monotonic() - started
            say(f"    {stage.name}, {elapsed:.0f} s: {_last_line(log)}")


def run_stage(stage: Stage, build: Path, retry: bool = False) -> Outcome:
    """Runs one stage; its log and its results lie under `build`."""
    results = build / "results" / stage.name
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    log = build / "logs" / f"{stage.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    guarded = (f"{command} || status=$?" for command in stage.commands)
    script = "\n".join(["set -ux", "status=0", *guarded, "exit $status"])
    started = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["bash", "-c", script],
            cwd=ROOT,
            env=_environment(results, retry),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            exit_status = _wait(process, stage, log)
        finally:
            _end_group(process)
    seconds = time.monotonic() - started
    counts = _counts(results, exit_status)
    unstable = _unstable(log, results) if retry else ()
    return Outcome(stage, exit_status, seconds, counts, results, unstable)


def _unstable(log: Path, results: Path) -> tuple[str, ...]:
    """The tests that the log shows failing and the results show passing."""
    text = log.read_text(errors="replace")
    failing = set(CTEST_FAILURE.findall(text)) | set(PYTEST_RERUN.findall(text))
    return tuple(sorted(failing - set(junit_counts.failed_names(results))))


def _counts(results: Path, exit_status: int) -> Counts:
    """What the stage's JUnit files say; a failure that they do not show counts as one more."""
    if not any(results.glob("*.xml")):
        return Counts(passed=1) if exit_status == 0 else Counts(failed=1)
    counts = junit_counts.count_folder(results)
    if exit_status != 0 and counts.failed == 0:
        counts += Counts(failed=1)
    return counts


def report(outcome: Outcome, build: Path) -> None:
    verdict = "ok" if outcome.ok else "FAILED"
    say(f"    {outcome.stage.name}: {verdict}, {outcome.seconds:.0f} s, {outcome.counts}")
    if outcome.ok:
        return
    log = build / "logs" / f"{outcome.stage.name}.log"
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    say(f"    exit status {outcome.exit_status}; the end of {log}:")
    for line in lines:
        say(f"    | {line}")


def summarise(outcomes: list[Outcome]) -> int:
    """Prints the table and the closing line; returns the exit status."""
    say("")
    say(f"{'stage':<10} {'result':<7} {'seconds':>7}  tests")
    for outcome in outcomes:
        verdict = "ok" if outcome.ok else "FAILED"
        say(f"{outcome.stage.name:<10} {verdict:<7} {outcome.seconds:7.0f}  {outcome.counts}")
    for outcome in outcomes:
        for name in junit_counts.failed_names(outcome.results):
            say(f"failed: {outcome.stage.name}: {name}")
        for name in outcome.unstable:
            say(f"unstable: {outcome.stage.name}: {name} failed, and passed when run once more")
        for reason, cases in junit_counts.skip_reasons(outcome.results).items():
            say(f"skipped: {outcome.stage.name}: {cases} × {reason}")
    total = sum((outcome.counts for outcome in outcomes), Counts())
    if total.passed == 0:
        say("no test passed: that is a failure, too")
    say("")
    say(str(total))
    return 0 if total.passed > 0 and all(outcome.ok for outcome in outcomes) else 1


def select(full: bool, only: list[str]) -> list[Stage]:
    """The stages to run; one whose files are not in this tree does not exist."""
    present = [stage for stage in all_stages() if not stage.needs or (ROOT / stage.needs).exists()]
    unknown = sorted(set(only) - {stage.name for stage in present})
    if unknown:
        names = " ".join(stage.name for stage in present)
        raise SystemExit(f"test.sh: no stage named {' '.join(unknown)}; there are: {names}")
    if only:
        return [stage for stage in present if stage.name in only]
    return [stage for stage in present if full or stage.quick]


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="tools/test.sh", description="Builds and tests PegaFlow.")
    parser.add_argument("--full", action="store_true", help="all stages, not only the quick ones")
    parser.add_argument("--only", nargs="+", default=[], metavar="STAGE", help="these stages")
    parser.add_argument(
        "--retry", action="store_true", help="a test that fails is run once more, and named"
    )
    parser.add_argument("--list", action="store_true", help="print the stages and stop")
    options = parser.parse_args(arguments)
    chosen = select(options.full, options.only)
    if options.list:
        for stage in chosen:
            say(f"{stage.name:<10} {stage.what}")
        return 0
    build = ROOT / "build"
    outcomes = []
    for number, stage in enumerate(chosen, start=1):
        say(f"[{number}/{len(chosen)}] {stage.name}: {stage.what}")
        outcomes.append(run_stage(stage, build, options.retry))
        report(outcomes[-1], build)
    return summarise(outcomes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
