// The UCP context of a process: settings, registered memory, workers.
#pragma once

#include <ucp/api/ucp_def.h>

#include <cstdint>
#include <memory>
#include <string>

#include "transport/registrations.h"
#include "transport/transport.h"
#include "transport/ucx/version.h"

namespace pegaflow::transport {

struct UcxContextDeleter {
  void operator()(ucp_context_h context) const;
};
using UniqueUcxContext = std::unique_ptr<struct ucp_context, UcxContextDeleter>;

class UcxContext final : public Context {
 public:
  UcxContext(UniqueUcxContext context, const UcxVersion& version, std::uint32_t max_registrations)
      : context_(std::move(context)), version_(version), registrations_(max_registrations) {}
  ~UcxContext() override;

  std::string_view name() const override { return "ucx"; }
  std::string version() const override { return to_string(version_); }
  Result<std::unique_ptr<LocalMemory>> register_memory(std::span<std::byte> bytes,
                                                       MemoryKind memory) override;
  Result<std::unique_ptr<Worker>> make_worker(WorkerEvents& events) override;

 private:
  UniqueUcxContext context_;
  UcxVersion version_;
  Registrations registrations_;
};

}  // namespace pegaflow::transport
