"""docs/openapi/agent.yaml against running agents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis

from cluster import ROOT, Cluster, wait_for

SCHEMA = schemathesis.openapi.from_path(ROOT / "docs" / "openapi" / "agent.yaml")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    deployment = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.close()


def ask(cluster: Cluster, method: str, path: str, node: str = "d") -> Any:
    """A response of an agent that its operation's documentation covers."""
    url = f"http://127.0.0.1:{cluster.ports[node + '_http']}{path}"
    response = requests.request(method, url, timeout=20)
    SCHEMA[path][method].validate_response(response)
    return response


@pytest.mark.parametrize("path", ["/v1/status", "/healthz", "/readyz", "/version", "/metrics"])
@pytest.mark.parametrize("node", ["p", "d"])
def test_documents_are_as_described(cluster: Cluster, path: str, node: str) -> None:
    assert ask(cluster, "GET", path, node).status_code == 200


def test_status_lists_links_and_regions(cluster: Cluster) -> None:
    status = ask(cluster, "GET", "/v1/status").json()
    assert [link["peer"] for link in status["links"]] == ["prefill-0"]
    assert [region["name"] for region in status["regions"]] == ["staging"]


def test_a_probe_changes_the_figures(cluster: Cluster) -> None:
    def figures() -> Any:
        return ask(cluster, "GET", "/v1/status").json()["links"][0]["round_trip_ns"]

    before = wait_for("the first figures", figures)
    assert ask(cluster, "POST", "/v1/probe").status_code == 202
    wait_for("new figures", lambda: figures() != before)


def test_every_route_is_documented_and_no_other() -> None:
    documented = {result.ok().label for result in SCHEMA.get_all_operations()}
    source = (ROOT / "src" / "agent" / "http_api.cc").read_text()
    assert {
        " ".join(route) for route in re.findall(r'route\("(\w+)", "([^"]+)"', source)
    } == documented
