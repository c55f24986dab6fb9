"""tools/test.sh: every stage runs, counts add up, and silence is not success."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest
import run_stages
from junit_counts import Counts, count_folder, failed_names, skip_reasons
from stages import ROOT, Stage, all_stages

CTEST_FILE = """<testsuite>
<testcase name="a.passes" status="run"/>
<testcase name="a.fails" status="fail"><failure message=""/></testcase>
<testcase name="a.skips" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/>
<system-out>[ RUN      ] a.skips
a.cc:4: Skipped
no CUDA device
</system-out></testcase>
<testcase name="a.disabled" status="disabled"/>
<testcase name="b_NOT_BUILT" status="notrun">
<skipped message="Unable to find executable"/></testcase>
</testsuite>
"""


def stage(*commands: str, name: str = "one", limit_seconds: int = 60) -> Stage:
    return Stage(name, "a test of the stages", commands, limit_seconds=limit_seconds)


def run(build: Path, *stages: Stage) -> int:
    return run_stages.summarise([run_stages.run_stage(one, build) for one in stages])


def ends(pid: int, deadline_seconds: int) -> bool:
    """Whether the process has ended, or does so before the deadline."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([pidfd], [], [], deadline_seconds)[0])
    finally:
        os.close(pidfd)


def closing_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.splitlines()[-1]


def test_a_test_whose_program_was_not_built_has_failed(tmp_path: Path) -> None:
    (tmp_path / "ctest.xml").write_text(CTEST_FILE)
    assert count_folder(tmp_path) == Counts(passed=1, failed=2, skipped=2)
    assert failed_names(tmp_path) == ["a.fails", "b_NOT_BUILT"]
    assert skip_reasons(tmp_path) == {"no CUDA device": 1, "disabled": 1}


def test_a_file_that_is_cut_short_has_failed(tmp_path: Path) -> None:
    (tmp_path / "ctest.xml").write_text(CTEST_FILE[:100])
    assert count_folder(tmp_path) == Counts(failed=1)


def test_a_failing_stage_does_not_stop_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, stage("false", name="first"), stage("true", name="second")) == 1
    assert closing_line(capsys) == "1 passed, 1 failed, 0 skipped"


def test_a_failing_command_does_not_stop_the_next_and_is_not_forgotten(tmp_path: Path) -> None:
    later = tmp_path / "later"
    outcome = run_stages.run_stage(stage("(exit 3)", f"touch {later}"), tmp_path)
    assert later.exists() and outcome.exit_status == 3 and not outcome.ok


def test_counts_come_from_the_result_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = '<testsuite><testcase name="a"/><testcase name="b"/></testsuite>'
    write = f"echo '{report}' > \"$RESULTS/pytest.xml\""
    assert run(tmp_path, stage(write)) == 0
    assert closing_line(capsys) == "2 passed, 0 failed, 0 skipped"


def test_a_stage_that_fails_without_a_failed_case_counts_as_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write = 'echo \'<testsuite><testcase name="a"/></testsuite>\' > "$RESULTS/pytest.xml"'
    assert run(tmp_path, stage(write, "(exit 3)")) == 1
    assert closing_line(capsys) == "1 passed, 1 failed, 0 skipped"


def test_results_of_an_earlier_run_do_not_count(tmp_path: Path) -> None:
    old = tmp_path / "results" / "one" / "ctest.xml"
    old.parent.mkdir(parents=True)
    old.write_text(CTEST_FILE)
    assert run_stages.run_stage(stage("true"), tmp_path).counts == Counts(passed=1)


def test_no_test_passed_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    assert closing_line(capsys) == "0 passed, 0 failed, 0 skipped"


def test_a_test_that_passes_when_run_once_more_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = '<testsuite><testcase name="a.slow"/><testcase name="b"><failure/></testcase>'
    log = (
        "1/2 Test #1: a.slow ......***Failed  0.1 sec",
        "1/2 Test #1: a.slow ......   Passed  0.1 sec",
        "2/2 Test #2: b ...........***Failed  0.1 sec",
        "2/2 Test #3: c ...........***Skipped  0.1 sec",
        "RERUN tests/x/test_y.py::test_z[one]",
    )
    lines = [f"echo '{line}'" for line in log]
    write = f"echo '{report}</testsuite>' > \"$RESULTS/ctest.xml\""
    outcome = run_stages.run_stage(stage(*lines, write), tmp_path, retry=True)
    assert outcome.unstable == ("a.slow", "test_z[one]")
    run_stages.summarise([outcome])
    assert "unstable: one: a.slow failed, and passed" in capsys.readouterr().out


def test_a_test_runs_once_more_only_when_asked(tmp_path: Path) -> None:
    ask = 'test "$CTEST_RETRY$PYTEST_RETRY" = ""'
    assert run_stages.run_stage(stage(ask), tmp_path).ok
    assert not run_stages.run_stage(stage(ask), tmp_path, retry=True).ok


def test_a_stage_past_its_limit_is_ended_with_all_it_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    hang = f"tail -f /dev/null & echo $! > {pid_file}; wait"
    outcome = run_stages.run_stage(stage(hang, limit_seconds=1), tmp_path)
    assert outcome.exit_status == 124 and not outcome.ok
    assert ends(int(pid_file.read_text()), deadline_seconds=5)


def test_the_end_of_a_failed_stages_log_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = run_stages.run_stage(stage("echo what went wrong; false"), tmp_path)
    run_stages.report(outcome, tmp_path)
    assert "| what went wrong" in capsys.readouterr().out


def test_an_unknown_stage_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SystemExit, match="no stage named tset; there are: build tests"):
        run_stages.select(full=False, only=["tset"])


def test_every_script_a_stage_calls_exists() -> None:
    for one in all_stages():
        if one.needs and not (ROOT / one.needs).exists():
            continue
        for word in " ".join(one.commands).split():
            if word.endswith((".sh", ".py")):
                assert (ROOT / word).is_file(), f"{one.name} calls {word}"
