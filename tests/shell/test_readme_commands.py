"""readme_commands.py runs what a page says, and notices when it does not work."""

from __future__ import annotations

from pathlib import Path

import readme_commands


def page(tmp_path: Path, *blocks: tuple[str, str]) -> str:
    path = tmp_path / "PAGE.md"
    path.write_text("".join(f"Text.\n```{kind}\n{text}\n```\n" for kind, text in blocks))
    return str(path)


def test_blocks_fenced_as_sh_are_run(tmp_path: Path) -> None:
    done = tmp_path / "done"
    assert readme_commands.main([page(tmp_path, ("sh", f"touch {done}"))]) == 0
    assert done.exists()


def test_other_blocks_are_not_run(tmp_path: Path) -> None:
    assert readme_commands.main([page(tmp_path, ("sh", "true"), ("console", "false"))]) == 0


def test_a_block_fails_with_its_first_failing_command(tmp_path: Path) -> None:
    assert readme_commands.main([page(tmp_path, ("sh", "false\ntrue"))]) == 1


def test_a_page_without_commands_is_a_failure(tmp_path: Path) -> None:
    assert readme_commands.main([page(tmp_path, ("text", "true"))]) == 1


def test_the_test_script_is_only_asked_whether_it_knows_its_options(tmp_path: Path) -> None:
    assert readme_commands.runnable("tools/test.sh --full  # all\n") == (
        "tools/test.sh --list --full # all\n"
    )
    assert readme_commands.main([page(tmp_path, ("sh", "tools/test.sh --full  # all"))]) == 0
    assert readme_commands.main([page(tmp_path, ("sh", "tools/test.sh --no-such"))]) == 1
