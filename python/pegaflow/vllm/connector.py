"""The class that vLLM loads. Thin: scheduler.py and worker.py decide, compat.py translates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import vllm  # type: ignore
from vllm.distributed.kv_transfer.kv_connector.v1.base import (  # type: ignore
    KVConnectorBase_V1,
    KVConnectorMetadata,
    KVConnectorRole,
    SupportsHMA,
)

from .. import Pool, Rank, Session, SessionRole
from . import compat, prometheus
from .connection import Connection
from .layout import build_group
from .scheduler import Identity, PdScheduler
from .settings import Settings
from .steps import Step
from .worker import PdWorker, Results

TOLD_OF_NEW_REQUESTS = compat.tells_of_new_requests()


@dataclass
class PdMetadata(KVConnectorMetadata):  # type: ignore[misc]
    """Scheduler → workers."""

    step: Step


@dataclass
class PdWorkerMetadata(compat.worker_metadata_class()):  # type: ignore[misc]
    """Workers → scheduler: references of ranks that have connected anew."""

    references: dict[int, int] = field(default_factory=dict)

    def aggregate(self, other: PdWorkerMetadata) -> PdWorkerMetadata:
        return PdWorkerMetadata({**self.references, **other.references})


class _PoolSession:
    """A worker's session and its pool, which live and end together."""

    def __init__(self, session: Session, pool: Pool) -> None:
        self.session = session
        self.pool = session.add_pool(pool)

    @property
    def alive(self) -> bool:
        return self.session.alive

    def close(self) -> None:
        self.session.close()


class PegaPdConnector(KVConnectorBase_V1, SupportsHMA):  # type: ignore[misc]
    """Prefill/decode over PegaFlow; one per scheduler, one per worker."""

    def __init__(
        self, vllm_config: Any, role: KVConnectorRole, kv_cache_config: Any = None
    ) -> None:
        super().__init__(vllm_config, role, kv_cache_config)
        transfer = vllm_config.kv_transfer_config
        release = compat.check_version(vllm.__version__)
        self._settings = Settings.parse(transfer.kv_connector_extra_config)
        self._groups = compat.transfer_groups(kv_cache_config)
        compat.check_config(vllm_config, release, len(self._groups))
        self._fingerprint = compat.fingerprint(vllm_config, vllm.__version__, self._settings.model)
        self._scheduler: PdScheduler | None = None
        self._worker: PdWorker | None = None
        self._connection: Any = None
        self._bad_blocks: set[int] = set()
        if role == KVConnectorRole.SCHEDULER:
            self._scheduler = self._make_scheduler(transfer)

    # ---- scheduler
    def _make_scheduler(self, transfer: Any) -> PdScheduler:
        settings, parallel = self._settings, self._vllm_config.parallel_config
        self._connection = Connection(self._open_control, settings.connect_timeout)
        identity = Identity(
            settings.instance,
            parallel.data_parallel_rank,
            parallel.tensor_parallel_size,
            parallel.pipeline_parallel_size,
            self._fingerprint,
            produces=transfer.is_kv_producer,
            consumes=transfer.is_kv_consumer,
        )
        groups = compat.group_views(self._kv_cache_config)
        return PdScheduler(settings, identity, groups, self._connection)

    def _open_control(self) -> Any:
        """The scheduler's session; bench/vllm/ puts others in place of these two."""
        settings = self._settings
        return Session(settings.socket, settings.instance, role=SessionRole.CONTROL)

    def _scheduling(self) -> PdScheduler:
        assert self._scheduler is not None, "a scheduler's call on a worker's connector"
        return self._scheduler

    def on_new_request(self, request: Any) -> None:
        self._new_request(request, 0)

    def _new_request(self, request: Any, computed: int) -> None:
        if self._scheduling().on_new_request(compat.request_view(request)):
            compat.leave_last_token(request, computed)

    def get_num_new_matched_tokens(
        self, request: Any, num_computed_tokens: int
    ) -> tuple[int | None, bool]:
        if not TOLD_OF_NEW_REQUESTS:
            self._new_request(request, num_computed_tokens)
        return self._scheduling().matched(request.request_id, num_computed_tokens)

    def update_state_after_alloc(self, request: Any, blocks: Any, num_external_tokens: int) -> None:
        tables = blocks.get_block_ids() if num_external_tokens else ()
        ids = [tables[group] for group in self._groups] if tables else []
        self._scheduling().allocated(request.request_id, ids, num_external_tokens)

    def get_loaded_kv_cache_group_ids(self, request: Any) -> tuple[int, ...]:
        return tuple(self._groups)

    def build_connector_meta(self, scheduler_output: Any) -> KVConnectorMetadata:
        scheduler = self._scheduling()
        shares = compat.scheduled(scheduler_output, scheduler.wants, self._groups)
        return PdMetadata(scheduler.build(shares, compat.preempted(scheduler_output)))

    def update_connector_output(self, connector_output: Any) -> None:
        meta = getattr(connector_output, "kv_connector_worker_meta", None)
        references = meta.references if isinstance(meta, PdWorkerMetadata) else {}
        self._scheduling().update(connector_output.finished_recving or (), references)

    def request_finished(
        self, request: Any, block_ids: list[int]
    ) -> tuple[bool, dict[str, Any] | None]:
        return self._scheduling().finished(request.request_id, compat.ended_well(request))

    def request_finished_all_groups(
        self, request: Any, block_ids: tuple[list[int], ...]
    ) -> tuple[bool, dict[str, Any] | None]:
        return self._scheduling().finished(request.request_id, compat.ended_well(request))

    # ---- worker
    def register_kv_caches(self, kv_caches: dict[str, Any]) -> None:
        self._kv_caches = kv_caches  # the pool's memory
        rank = Rank(**compat.rank_numbers(self._vllm_config))
        groups, layers, ratios = [], {}, []
        for index, number in enumerate(self._groups):
            spec = compat.group_spec(self._kv_cache_config, number)
            tensors = [compat.layer_tensor(name, kv_caches[name]) for name in spec.layers]
            where = compat.deployment(
                self._vllm_config, self._kv_cache_config, spec, vllm.__version__
            )
            built = build_group(spec, tensors, where)
            groups.append(built.group)
            ratios.append(built.ratio)
            layers.update({name: (index, layer) for layer, name in enumerate(spec.layers)})
        pool = Pool(groups, rank=rank, fingerprint=self._fingerprint)
        device = next(iter(kv_caches.values())).device.type
        if device == "cpu":
            compat.allow_matrix_unit()
        settings = self._settings
        self._connection = Connection(
            lambda: self._open_worker(pool, rank), settings.connect_timeout, self._renewed
        )
        self._rank = rank.pp * rank.tp_size + rank.tp
        self._worker = PdWorker(
            settings, self._connection, layers, compat.stream_of(device), ratios
        )

    def _open_worker(self, pool: Pool, rank: Rank) -> _PoolSession:
        """A worker's session with its pool, which is in the GPU where the KV tensors are."""
        settings = self._settings
        session = Session(settings.socket, settings.instance, rank=rank, gpu=pool.gpu)
        return _PoolSession(session, pool)

    def _renewed(self, session: Any) -> None:
        if self._worker is not None:
            self._worker.renewed(session)

    def _working(self) -> PdWorker:
        assert self._worker is not None, "no KV cache was registered"
        return self._worker

    def bind_connector_metadata(self, connector_metadata: Any) -> None:
        """Before the forward in every release, which start_load_kv is not."""
        super().bind_connector_metadata(connector_metadata)
        if self._worker is not None:
            self._worker.begin(connector_metadata.step)

    def start_load_kv(self, forward_context: Any, **kwargs: Any) -> None:
        """Loads have been started when the metadata was bound."""

    def wait_for_layer_load(self, layer_name: str) -> None:
        """Requests run only after their load."""

    def save_kv_layer(
        self, layer_name: str, kv_layer: Any, attn_metadata: Any, **kwargs: Any
    ) -> None:
        self._working().layer_done(layer_name)

    def wait_for_save(self) -> None:
        """Waits for nothing: blocks are kept until they have been sent."""
        if self._worker is not None:
            self._worker.end()

    def get_transfer_results(self, finished_req_ids: set[str]) -> Any:
        results = self._results()
        return compat.transfer_results_class()(
            finished_sending=results.sent,
            finished_recving=results.received,
            failed_recving=results.failed,
        )

    def get_finished(self, finished_req_ids: set[str]) -> tuple[set[str], set[str]]:
        """What runners before 0.32 call; failed loads are told by their blocks then."""
        results = self._results()
        self._bad_blocks = results.bad_blocks
        return results.sent, results.received

    def get_block_ids_with_load_errors(self) -> set[int]:
        bad, self._bad_blocks = self._bad_blocks, set()
        return bad

    def _results(self) -> Results:
        return self._worker.results() if self._worker is not None else Results()

    def build_connector_worker_meta(self) -> PdWorkerMetadata | None:
        reference = self._worker.new_reference() if self._worker is not None else 0
        return PdWorkerMetadata({self._rank: reference}) if reference else None

    def shutdown(self) -> None:
        if self._connection is not None:
            self._connection.close()

    # ---- what vLLM asks the class
    @classmethod
    def supports_sleep_mode(cls, kv_transfer_config: Any) -> bool:
        """Registered memory must stay where it is."""
        return False

    def get_kv_connector_stats(self) -> Any:
        return prometheus.taken(self._worker.stats) if self._worker is not None else None

    @classmethod
    def build_kv_connector_stats(cls, data: dict[str, Any] | None = None) -> Any:
        return prometheus.PdStats(data=data) if data is not None else prometheus.PdStats()

    @classmethod
    def build_prom_metrics(
        cls,
        vllm_config: Any,
        metric_types: dict[Any, Any],
        labelnames: list[str],
        per_engine_labelvalues: dict[int, list[object]],
    ) -> Any:
        return prometheus.PdPromMetrics(
            vllm_config, metric_types, labelnames, per_engine_labelvalues
        )

    def take_events(self) -> Iterable[Any]:
        return ()
