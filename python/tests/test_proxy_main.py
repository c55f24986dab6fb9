"""The program pegaflow-proxy: its options, and where the topology comes from."""

from __future__ import annotations

import subprocess
import sys

import pytest

main = pytest.importorskip("pegaflow.proxy.main", reason="pegaflow is not installed")

ENGINE = ["--engine", "prefill-0/prefill=http://h:1"]


def test_the_rendezvous_service_knows_the_topology(cluster):
    url = cluster.topology["rendezvous"]
    assert main.topology(main.options(["--rendezvous", url, *ENGINE])) == cluster.topology
    file = str(cluster.topology_file)
    assert main.topology(main.options(["--topology", file, *ENGINE])) == cluster.topology


@pytest.mark.parametrize("text", ["p0", "=http://h", "p0=", "p0=h:1", "p0=ftp://h"])
def test_an_engine_is_a_name_and_a_url(text):
    with pytest.raises(ValueError, match="expected NODE"):
        main.named_urls([text])


def test_an_engine_is_named_once():
    assert main.named_urls(["a=http://h:1", "b=https://h:2"]) == {
        "a": "http://h:1",
        "b": "https://h:2",
    }
    with pytest.raises(ValueError, match="given twice"):
        main.named_urls(["a=http://h:1", "a=http://h:2"])


@pytest.mark.parametrize("content", ["[]", "{}", "nonsense"])
def test_what_is_no_topology_is_an_error_of_one_line(tmp_path, content):
    file = tmp_path / "topology.json"
    file.write_text(content)
    command = [sys.executable, "-m", "pegaflow.proxy.main", "--topology", str(file), *ENGINE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith("pegaflow-proxy: ") and done.stderr.count("\n") == 1
