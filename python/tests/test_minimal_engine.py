"""examples/minimal_engine.py: two toy engines over real agents."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy", reason="NumPy is not installed")
pytest.importorskip("pegaflow", reason="not installed: pip install ./python")

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "minimal_engine.py"


class Engine:
    """The example as a process; one line in, one line out."""

    def __init__(self, role: str, socket: Path):
        self.process = subprocess.Popen(
            [sys.executable, str(EXAMPLE), role, str(socket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the engine ended: {self.process.wait(10)}"
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        if self.process.wait(20) != 0:
            raise AssertionError(f"exit status {self.process.returncode}")


@pytest.fixture
def pair(cluster):
    engines = [
        Engine("prefill", cluster.folder / "prefill-0.sock"),
        Engine("decode", cluster.folder / "decode-0.sock"),
    ]
    yield engines
    for engine in engines:
        engine.process.kill()
        engine.process.wait()


def test_decode_goes_on_from_prefills_kv(pair):
    prefill, decode = pair
    for number in range(12):  # more than fit at once: blocks come back
        prompt = [(number * 7 + index) % 1000 for index in range(1 + 60 * number)]
        made = prefill.ask(prompt=prompt)
        answer = decode.ask(prompt=prompt, key=made["key"], reference=made["reference"], tokens=3)
        assert answer["fetched"] == len(prompt)
        assert answer["tokens"][0] == made["next"]
        assert len(answer["tokens"]) == 3
    for engine in pair:
        engine.close()


def test_decode_computes_what_it_cannot_fetch(pair):
    prefill, decode = pair
    prompt = list(range(100))
    made = prefill.ask(prompt=prompt)
    other = prompt[::-1]  # not what was offered
    answer = decode.ask(prompt=other, key=made["key"], reference=made["reference"], tokens=2)
    assert answer["fetched"] == 0
    assert answer["tokens"][0] == prefill.ask(prompt=other)["next"]
