"""config/topology.schema.json and the checks in C++ agree on the form of topology files."""

from __future__ import annotations

import copy
import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from cluster import ROOT, program

SCHEMA = json.loads((ROOT / "config" / "topology.schema.json").read_text())
EXAMPLES = sorted(
    path for path in (ROOT / "config").glob("*.json") if path.name != "topology.schema.json"
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PEGAFLOWCTL = program("pegaflowctl")
MUTATIONS = 150  # per example

# What is put in place of a value. The strings are near the edges of some rule of the schema.
VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2, 3, 64, 255, 256, 4095, 4096, 4097, 8192, 65535, 65536,
    1048576, 1048577, 4294967296, 4294967297, 8589934592, 86400000, 86400001, 10**20,
    0.5, 1.0, 4096.0, 1.5, -4096, "", "a", "a b", "A-1._", "é", "x" * 64, "x" * 65, "x" * 129,
    "prefill", "both", "host", "cuda", "auto", "ucx", "tcp", "rc_verbs", "dc_mlx5",
    "10.0.0.1:80", "10.0.0.1:0", "10.0.0.1:65535", "10.0.0.1:65536", "10.0.0.1:080", "[::1]:80",
    "::1:80", "[1]:80", "1.2.3.4.5:1", "host:80", ":80", "http://a:80", "http://a", "http://a:80/",
    "http://[fd00::1]:1", "http://:1", "/", "/a", "a/b", "/a b", "/" + "y" * 99, "/" + "y" * 100,
    "RNDV_THRESH", "mlx5_[0-1]:1,eth0", "^tcp", "tab\there", [], [[]], {}, {"a": 1}, ["tcp"],
    ["tcp"] * 9, [1],
]  # fmt: skip
KEYS = [
    "nodes",
    "name",
    "gpu",
    "transports",
    "heartbeat_ms",
    "unknown",
    "TLS",
    "UCX_A",
    "a_b",
    "A1",
]


def check(path: Path) -> dict[str, Any]:
    """What pegaflowctl says of a file."""
    done = subprocess.run(
        [PEGAFLOWCTL, "topology", "check", str(path), "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if report["ok"] else 2), done
    return report


def containers(value: Any) -> Iterator[Any]:
    """Every object and array in a document."""
    if isinstance(value, (dict, list)):
        yield value
        for item in value.values() if isinstance(value, dict) else value:
            yield from containers(item)


def mutate(document: Any, rng: random.Random) -> None:
    """Changes one place."""
    place = rng.choice(list(containers(document)))
    if isinstance(place, list):
        keys: list[Any] = list(range(len(place)))
    else:
        keys = list(place)
    kind = rng.choice(["replace", "replace", "replace", "remove", "add", "swap"])
    value = copy.deepcopy(rng.choice(VALUES))
    if kind == "add" or not keys:
        if isinstance(place, list):
            place.append(value)
        else:
            place[rng.choice(KEYS)] = value
    elif kind == "remove":
        del place[rng.choice(keys)]
    elif kind == "swap" and len(keys) > 1:
        one, other = rng.sample(keys, 2)
        place[one], place[other] = place[other], place[one]
    else:
        place[rng.choice(keys)] = value


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_right_for_both(path: Path) -> None:
    VALIDATOR.validate(json.loads(path.read_text()))
    report = check(path)
    assert report["ok"] and report["warnings"] == [] and len(report["hash"]) == 64


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_both_judge_the_form_of_damaged_examples_alike(path: Path, tmp_path: Path) -> None:
    original = json.loads(path.read_text())
    rng = random.Random(path.name)
    file = tmp_path / "topology.json"
    judged = {True: 0, False: 0}
    for _ in range(MUTATIONS):
        document = copy.deepcopy(original)
        for _ in range(rng.choice([1, 1, 1, 2])):
            mutate(document, rng)
        file.write_text(json.dumps(document))
        report = check(file)
        form_is_right = all(fault["kind"] != "form" for fault in report["faults"])
        complaints = [error.message for error in VALIDATOR.iter_errors(document)]
        assert form_is_right == (not complaints), (report["faults"], complaints, document)
        judged[form_is_right] += 1
    assert min(judged.values()) >= MUTATIONS // 20, judged  # both verdicts were tried


@pytest.mark.parametrize("key", sorted(KEYS))
def test_names_of_ucx_settings(key: str, tmp_path: Path) -> None:
    document = json.loads((ROOT / "config" / "one_host.json").read_text())
    document["nodes"][0]["ucx"]["settings"] = {key: "1"}
    file = tmp_path / "topology.json"
    file.write_text(json.dumps(document))
    assert check(file)["ok"] == VALIDATOR.is_valid(document)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def keys_of(schema: Any) -> Iterator[str]:
    """Every key that the schema gives a meaning."""
    if isinstance(schema, dict):
        yield from schema.get("properties", {})
        for value in schema.values():
            yield from keys_of(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from keys_of(value)


def test_every_key_is_documented() -> None:
    page = (ROOT / "docs" / "TOPOLOGY.md").read_text()
    assert [key for key in sorted(set(keys_of(SCHEMA))) if f"`{key}" not in page] == []
