"""docs/VLLM.md: its commands have valid configurations and options, its messages exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

pegaflow = pytest.importorskip("pegaflow", reason="pegaflow is not installed")
from pegaflow.proxy import engines, main  # noqa: E402
from pegaflow.vllm import settings  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "VLLM.md").read_text()
SOURCES = "".join(
    path.read_text()
    for folder in ("vllm", "proxy")
    for path in sorted((ROOT / "python" / "pegaflow" / folder).glob("*.py"))
)


def commands(program: str) -> list[list[str]]:
    """The page's lines that run the program, as words."""
    lines = [line for line in PAGE.splitlines() if line.startswith(program + " ")]
    return [shlex.split(line.rstrip("& ")) for line in lines]


def test_vllm_commands_have_valid_settings():
    topology = json.loads((ROOT / "config" / "one_host.json").read_text())
    sockets = {node["name"]: node["socket"] for node in topology["nodes"]}
    found = commands("vllm")
    assert len(found) == 2
    for words in found:
        config = json.loads(words[words.index("--kv-transfer-config") + 1])
        parsed = settings.Settings.parse(config["kv_connector_extra_config"])
        assert parsed.socket == sockets[parsed.instance]


def test_proxy_commands_are_understood(monkeypatch):
    monkeypatch.chdir(ROOT)
    chosen = [main.options(words[1:]) for words in commands("pegaflow-proxy")]
    assert [bool(one.topology) for one in chosen] == [True, False]
    topology = main.topology(chosen[0])
    for one in chosen:
        made = engines.Engines.of_topology(topology, main.named_urls(one.engine))
        assert [engine.role for engine in made.all] == ["prefill", "decode"]


def test_every_setting_is_on_the_page():
    for name in settings.Settings.__dataclass_fields__:
        assert f"`{name}`" in PAGE, name


QUOTED = re.findall(r"^\| `([^`]+)`.*\|$", PAGE.split("does not work")[1], re.M)


@pytest.mark.parametrize("text", QUOTED)
def test_troubleshooting_quotes_what_is_really_said(text):
    """Each piece that no value is put into is in the sources, or a reason's name."""
    said = re.sub(r'"\s*\n\s*f?"', "", SOURCES)
    reasons = [reason.name for reason in pegaflow.Reason] + [
        kind.name for kind in pegaflow.EventKind
    ]
    said += " ".join(reasons) + " ".join(reasons).lower() + " finish_reason "
    for piece in re.split(r"…|\d\.\d+|: ", text):
        assert piece.strip() in said, piece
