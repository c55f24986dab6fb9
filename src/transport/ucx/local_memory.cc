#include "transport/ucx/local_memory.h"

#include <ucp/api/ucp.h>

#include "transport/blob.h"
#include "transport/ucx/status.h"

namespace pegaflow::transport {

Result<std::unique_ptr<LocalMemory>> UcxLocalMemory::map(ucp_context_h context,
                                                         std::span<std::byte> bytes,
                                                         MemoryKind memory,
                                                         Registrations::Slot slot) {
  ucp_mem_map_params_t params{};
  params.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS | UCP_MEM_MAP_PARAM_FIELD_LENGTH |
                      UCP_MEM_MAP_PARAM_FIELD_MEMORY_TYPE;
  // Where UCX's hooks in CUDA are not in place (without its libcudart, say) it would take a GPU's
  // memory for the host's, and each put would break its link. Told, it refuses to register it.
  params.memory_type = memory == MemoryKind::kCuda ? UCS_MEMORY_TYPE_CUDA : UCS_MEMORY_TYPE_HOST;
  params.address = bytes.data();
  params.length = bytes.size();
  ucp_mem_h handle = nullptr;
  const auto mapping = ucx_status("registering " + std::to_string(bytes.size()) + " bytes with UCX",
                                  ucp_mem_map(context, &params, &handle));
  if (!mapping.ok()) {
    if (memory == MemoryKind::kHost) return mapping.error();
    return Error(mapping.error().code(),
                 mapping.error().message() +
                     "; UCX may not know this GPU memory: TLS needs cuda_copy, and the module "
                     "libucm_cuda the libcudart that it came with (or set UCX_MEMTYPE_CACHE=n)");
  }
  std::unique_ptr<UcxLocalMemory> mapped(
      new UcxLocalMemory(context, handle, bytes, std::move(slot)));
  PEGAFLOW_TRY(mapped->pack_remote_key());
  return std::unique_ptr<LocalMemory>(std::move(mapped));
}

UcxLocalMemory::~UcxLocalMemory() { ucp_mem_unmap(context_, handle_); }

// Packed with the deprecated call: its successor without EXPORT aborts the process.
Status UcxLocalMemory::pack_remote_key() {
  void* rkey = nullptr;
  std::size_t size = 0;
  PEGAFLOW_TRY(ucx_status("packing a UCX rkey", ucp_rkey_pack(context_, handle_, &rkey, &size)));
  auto blob = wrap_memory_key(BlobKind::kUcxMemoryKey,
                              {.base = reinterpret_cast<std::uintptr_t>(bytes_.data()),
                               .length = bytes_.size(),
                               .rkey = {static_cast<const std::byte*>(rkey), size}});
  ucp_rkey_buffer_release(rkey);
  if (!blob.ok()) return blob.error();
  remote_key_ = std::move(blob).value();
  return {};
}

}  // namespace pegaflow::transport
