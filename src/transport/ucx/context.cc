#include "transport/ucx/context.h"

#include <ucp/api/ucp.h>

#include "base/check.h"
#include "transport/ucx/config.h"
#include "transport/ucx/local_memory.h"
#include "transport/ucx/status.h"
#include "transport/ucx/worker.h"

namespace pegaflow::transport {

void UcxContextDeleter::operator()(ucp_context_h context) const { ucp_cleanup(context); }

// A registration that outlives its context would unmap through a dangling handle.
UcxContext::~UcxContext() { PEGAFLOW_CHECK(!registrations_.any()); }

Result<std::unique_ptr<LocalMemory>> UcxContext::register_memory(std::span<std::byte> bytes,
                                                                 MemoryKind memory) {
  PEGAFLOW_ASSIGN(auto slot, registrations_.take(bytes));
  return UcxLocalMemory::map(context_.get(), bytes, memory, std::move(slot));
}

Result<std::unique_ptr<Worker>> UcxContext::make_worker(WorkerEvents& events) {
  return UcxWorker::create(context_.get(), registrations_, events);
}

Result<std::unique_ptr<Context>> make_ucx_context(const ContextConfig& config) {
  const auto version = loaded_ucx_version();
  PEGAFLOW_TRY(check_ucx_version(version, compiled_ucx_version(), config.tls));
  PEGAFLOW_ASSIGN(const auto settings, make_ucx_config(config, version));
  ucp_params_t params{};
  params.field_mask =
      UCP_PARAM_FIELD_FEATURES | UCP_PARAM_FIELD_MT_WORKERS_SHARED | UCP_PARAM_FIELD_NAME;
  params.features = UCP_FEATURE_TAG | UCP_FEATURE_RMA | UCP_FEATURE_WAKEUP;
  params.mt_workers_shared = 1;  // links' threads share the context
  params.name = "pegaflow";
  ucp_context_h context = nullptr;
  PEGAFLOW_TRY(ucx_status("initialising UCX " + to_string(version) + " with tls \"" + config.tls +
                              "\", net_devices \"" + config.net_devices + '"',
                          ucp_init(&params, settings.get(), &context)));
  return std::unique_ptr<Context>(
      new UcxContext(UniqueUcxContext(context), version, config.max_registrations));
}

}  // namespace pegaflow::transport
