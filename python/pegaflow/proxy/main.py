"""The program pegaflow-proxy."""

from __future__ import annotations

import argparse
import json
import logging
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .engines import Engines


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "pegaflow-proxy", description="Sends each request to a prefill and a decode engine at once."
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--topology", type=Path, help="the deployment's topology.json")
    source.add_argument("--rendezvous", metavar="URL", help="ask this service for the topology")
    parser.add_argument(
        "--engine",
        action="append",
        required=True,
        metavar="NODE[/INSTANCE]=URL",
        help="an engine: its node in the topology, its instance name if that differs, its HTTP",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds, of a whole request")
    return parser.parse_args(arguments)


def named_urls(texts: Sequence[str]) -> dict[str, str]:
    """Raises ValueError for an --engine that is not NAME=URL."""
    named: dict[str, str] = {}
    for text in texts:
        name, equals, url = text.partition("=")
        if not name or not equals or not url.startswith(("http://", "https://")):
            raise ValueError(f"--engine {text}: expected NODE[/INSTANCE]=http://HOST:PORT")
        if name in named:
            raise ValueError(f"--engine {name} is given twice")
        named[name] = url
    return named


def topology(chosen: argparse.Namespace) -> dict[str, Any]:
    """Raises OSError or ValueError when there is none."""
    if chosen.topology is not None:
        text = chosen.topology.read_text()
    else:
        with urllib.request.urlopen(chosen.rendezvous + "/v1/topology", timeout=10) as answer:
            text = answer.read().decode()
    loaded = json.loads(text)
    if not isinstance(loaded, dict) or not {"nodes", "links"} <= set(loaded):
        raise ValueError("the topology has no nodes or no links")
    return loaded


def main() -> int:
    chosen = options()
    try:
        engines = Engines.of_topology(topology(chosen), named_urls(chosen.engine))
    except (OSError, ValueError) as error:
        print(f"pegaflow-proxy: {error}", file=sys.stderr)
        return 2
    try:
        from aiohttp import web  # type: ignore[import-not-found,unused-ignore]

        from .app import Proxy
    except ModuleNotFoundError as error:
        print(f"pegaflow-proxy: {error}: pip install 'pegaflow-ucx[proxy]'", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    proxy = Proxy(engines, chosen.timeout)
    web.run_app(
        proxy.application(),
        host=chosen.host,
        port=chosen.port,
        handler_cancellation=True,
        access_log=None,
        print=None,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
