// Memory registered with a UCP context, and the blob by which peers write to it.
#pragma once

#include <ucp/api/ucp_def.h>

#include <memory>

#include "transport/registrations.h"
#include "transport/transport.h"

namespace pegaflow::transport {

class UcxLocalMemory final : public LocalMemory {
 public:
  static Result<std::unique_ptr<LocalMemory>> map(ucp_context_h context, std::span<std::byte> bytes,
                                                  MemoryKind memory, Registrations::Slot slot);
  ~UcxLocalMemory() override;
  UcxLocalMemory(const UcxLocalMemory&) = delete;
  UcxLocalMemory& operator=(const UcxLocalMemory&) = delete;

  std::span<std::byte> bytes() const override { return bytes_; }
  Blob remote_key() const override { return remote_key_; }
  ucp_mem_h handle() const { return handle_; }

 private:
  UcxLocalMemory(ucp_context_h context, ucp_mem_h handle, std::span<std::byte> bytes,
                 Registrations::Slot slot)
      : slot_(std::move(slot)), context_(context), handle_(handle), bytes_(bytes) {}
  Status pack_remote_key();

  Registrations::Slot slot_;
  ucp_context_h context_;
  ucp_mem_h handle_;
  std::span<std::byte> bytes_;
  Blob remote_key_;
};

}  // namespace pegaflow::transport
