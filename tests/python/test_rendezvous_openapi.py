"""docs/openapi/rendezvous.yaml against the running service."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks
from schemathesis.specs.openapi import checks as openapi_checks

from cluster import ROOT
from rendezvous_service import Rendezvous

SCHEMA = schemathesis.openapi.from_path(ROOT / "docs" / "openapi" / "rendezvous.yaml")
CHECKS = (
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
)
Json = dict[str, Any]


@pytest.fixture(autouse=True)
def service(rendezvous: Rendezvous) -> Rendezvous:
    return rendezvous


@SCHEMA.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_generated_requests_get_documented_answers(
    case: schemathesis.Case, service: Rendezvous
) -> None:
    if isinstance(case.query, dict) and isinstance(case.query.get("wait"), (int, float)):
        case.query["wait"] = min(case.query["wait"], 0.01)
    case.call_and_validate(base_url=service.url, checks=CHECKS, timeout=20)


def answer(service: Rendezvous, method: str, template: str, path: str, **kwargs: Any) -> Any:
    """A response that its operation's documentation covers."""
    response = requests.request(method, service.url + path, timeout=20, **kwargs)
    SCHEMA[template][method].validate_response(response)
    return response


def record(service: Rendezvous, epoch: str) -> Json:
    topology = requests.get(f"{service.url}/v1/topology", timeout=20).json()
    node = topology["nodes"][1]
    group = {
        "stage_bounds": [0, 32],
        "heads_total": 8,
        "parts": 2,
        "part_bytes": [256, 256],
        "element_bytes": 2,
        "block_tokens": 16,
        "window": 0,
        "inner_order": "0123456789abcdef",
        "opaque_block_bytes": 0,
        "opaque_digest": "0" * 32,
    }
    rank = {"dp": 0, "dp_size": 1, "pp": 0, "pp_size": 1, "tp": 0, "tp_size": 1}
    shape = {
        "rank": rank,
        "groups": [group],
        "fingerprint": "ab" * 32,
        "incarnation": "f" * 16,
        "gpu_uuid": "",
    }
    blob = base64.b64encode(bytes(range(200))).decode()
    return {
        "name": node["name"],
        "epoch": epoch,
        "control": node["control"],
        "http": node["http"],
        "topology_hash": topology_hash(service),
        "build": {"version": "0.1.0", "ucx": "1.13.1"},
        "transports": ["tcp"],
        "links": [
            {"peer": "prefill-0", "direction": "from", "incarnation": 1, "worker_address": blob}
        ],
        "regions": [
            {
                "name": "staging",
                "memory": "host",
                "slot_bytes": 4194304,
                "slot_count": 32,
                "rkeys": [blob],
            }
        ],
        "pools": [{"id": 1, "instance": "decode one", "shape": shape}],
    }


def topology_hash(service: Rendezvous) -> str:
    """The hash as the service's start-up line says it."""
    return service.process.log.read_text().split("hash ")[1][:64]


AGENT = "/v1/agents/{name}"
PATH = "/v1/agents/decode-0"
FIRST, SECOND = "00000000000000aa", "00000000000000bb"


def test_the_life_of_a_registration(service: Rendezvous) -> None:
    start = answer(service, "GET", "/v1/agents", "/v1/agents").json()
    assert start["complete"]
    body = {"record": record(service, FIRST)}
    lease = answer(service, "PUT", AGENT, PATH, json=body)
    assert lease.status_code == 200, lease.text
    assert answer(service, "GET", AGENT, PATH).json()["record"] == body["record"]
    changes = answer(
        service, "GET", "/v1/agents", "/v1/agents", params={"since": start["revision"], "wait": 20}
    ).json()
    assert [agent["name"] for agent in changes["agents"]] == ["decode-0"]
    heartbeat = answer(
        service, "POST", AGENT + "/heartbeat", PATH + "/heartbeat", json={"epoch": FIRST}
    )
    assert heartbeat.status_code == 200
    instance = answer(service, "GET", "/v1/instances/{name}", "/v1/instances/decode%20one").json()
    assert [pool["agent"] for pool in instance["pools"]] == ["decode-0"]
    gone = answer(service, "DELETE", AGENT, PATH, params={"epoch": FIRST})
    assert gone.status_code == 204
    after = {"since": lease.json()["revision"]}
    left = answer(service, "GET", "/v1/agents", "/v1/agents", params=after).json()
    assert left["agents"][0]["record"] is None


def test_refusals(service: Rendezvous) -> None:
    body = {"record": record(service, FIRST)}
    assert answer(service, "PUT", AGENT, "/v1/agents/stranger", json=body).status_code == 403
    assert answer(service, "PUT", AGENT, PATH, json={}).status_code == 400
    assert answer(service, "PUT", AGENT, PATH, data="x" * (9 << 20)).status_code == 413
    assert answer(service, "PUT", AGENT, PATH, data={"a": "b"}).status_code == 415
    differing = {"record": {**body["record"], "topology_hash": "0" * 64}}
    refused = answer(service, "PUT", AGENT, PATH, json=differing)
    assert refused.status_code == 409 and topology_hash(service) in refused.json()["error"]
    assert answer(service, "PUT", AGENT, PATH, json=body).status_code == 200
    taken = answer(service, "PUT", AGENT, PATH, json={"record": record(service, SECOND)})
    assert taken.status_code == 409 and taken.json()["code"] == "already_exists"
    successor = {"record": record(service, SECOND), "previous_epoch": FIRST}
    assert answer(service, "PUT", AGENT, PATH, json=successor).status_code == 200
    stale = {"epoch": FIRST}
    path = PATH + "/heartbeat"
    assert answer(service, "POST", AGENT + "/heartbeat", path, json=stale).status_code == 409
    assert answer(service, "DELETE", AGENT, PATH, params=stale).status_code == 409
    assert answer(service, "DELETE", AGENT, PATH, params={"epoch": SECOND}).status_code == 204


def test_every_route_is_documented_and_no_other() -> None:
    documented = {result.ok().label for result in SCHEMA.get_all_operations()}
    source = (ROOT / "src" / "rendezvous" / "server.cc").read_text()
    assert {
        " ".join(route) for route in re.findall(r'route\("(\w+)", "([^"]+)"', source)
    } == documented
