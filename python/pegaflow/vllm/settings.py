"""What `kv_connector_extra_config` may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

PUSH = ("auto", "layer", "step")
RESERVE = ("on_offer", "at_once")


@dataclass(frozen=True)
class Settings:
    """Times are in seconds; 0 leaves a deadline to the topology."""

    socket: str  # the Unix socket of this node's agent
    instance: str  # this deployment's name, the same for all of its ranks
    push: str = (
        "auto"  # auto: prompts of one step layer by layer, where hooks fire; layer: all; step: none
    )
    reserve: str = "on_offer"  # when decode takes blocks: once prefill has offered, or at once
    lease: float = 0.0  # how long prefill keeps the blocks of a request that nobody fetches
    offer_wait: float = 0.0
    total: float = 0.0
    connect_timeout: float = 30.0
    model: str = ""  # a name for the weights, equal on both sides; default: vLLM's --model

    @staticmethod
    def parse(extra: Mapping[str, Any]) -> Settings:
        """Raises ValueError that names the setting, what it was and what was expected."""
        known = {field.name: field.default for field in fields(Settings)}
        unknown = sorted(set(extra) - set(known))
        if unknown:
            names = f"unknown {', '.join(unknown)}; known: {', '.join(known)}"
            raise ValueError(f"kv_connector_extra_config: {names}")
        for name in ("socket", "instance"):
            if not isinstance(extra.get(name), str) or not extra[name]:
                raise ValueError(f"kv_connector_extra_config: {name} is missing (a string)")
        settings = Settings(**extra)
        _one_of("push", settings.push, PUSH)
        _one_of("reserve", settings.reserve, RESERVE)
        for name in ("lease", "offer_wait", "total", "connect_timeout"):
            value = getattr(settings, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
                raise ValueError(f"kv_connector_extra_config: {name} = {value!r}: seconds, >= 0")
        return settings


def _one_of(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(
            f"kv_connector_extra_config: {name} = {value!r}: expected {' or '.join(allowed)}"
        )
