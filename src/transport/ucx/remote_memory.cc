#include "transport/ucx/remote_memory.h"

#include <ucp/api/ucp.h>

#include "transport/ucx/status.h"

namespace pegaflow::transport {

UcxRemoteMemory::UcxRemoteMemory(RemoteMemories& list, ucp_rkey_h rkey, const MemoryKey& key)
    : list_(&list), rkey_(rkey), base_(key.base), size_(key.length) {
  list.memories_.push_back(this);
}

UcxRemoteMemory::~UcxRemoteMemory() {
  if (list_ == nullptr) return;
  std::erase(list_->memories_, this);
  release();
}

void UcxRemoteMemory::release() {
  ucp_rkey_destroy(rkey_);
  list_ = nullptr;
}

Result<std::unique_ptr<RemoteMemory>> RemoteMemories::unpack(
    ucp_ep_h endpoint, std::span<const std::byte> remote_key) {
  PEGAFLOW_ASSIGN(const auto key, unwrap_memory_key(BlobKind::kUcxMemoryKey, remote_key));
  ucp_rkey_h rkey = nullptr;
  PEGAFLOW_TRY(ucx_status("unpacking the peer's rkey",
                          ucp_ep_rkey_unpack(endpoint, key.rkey.data(), &rkey)));
  return std::unique_ptr<RemoteMemory>(std::make_unique<UcxRemoteMemory>(*this, rkey, key));
}

void RemoteMemories::release_all() {
  for (auto* memory : memories_) memory->release();
  memories_.clear();
}

}  // namespace pegaflow::transport
