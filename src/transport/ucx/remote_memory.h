// Peers' memory keys as a worker unpacked them. The worker's list destroys the rkeys, because UCX
// wants them gone before the endpoint; a handle that outlives its worker is empty.
#pragma once

#include <ucp/api/ucp_def.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "transport/blob.h"
#include "transport/transport.h"

namespace pegaflow::transport {

class RemoteMemories;

class UcxRemoteMemory final : public RemoteMemory {
 public:
  UcxRemoteMemory(RemoteMemories& list, ucp_rkey_h rkey, const MemoryKey& key);
  ~UcxRemoteMemory() override;
  UcxRemoteMemory(const UcxRemoteMemory&) = delete;
  UcxRemoteMemory& operator=(const UcxRemoteMemory&) = delete;

  std::uint64_t size() const override { return size_; }
  std::uint64_t base() const { return base_; }
  ucp_rkey_h rkey() const { return rkey_; }
  bool belongs_to(const RemoteMemories& list) const { return list_ == &list; }
  void release();  // destroys the rkey; the list has forgotten this already, or is about to

 private:
  RemoteMemories* list_;
  ucp_rkey_h rkey_;
  std::uint64_t base_;
  std::uint64_t size_;
};

// The handles of one worker that still have their rkey.
class RemoteMemories {
 public:
  RemoteMemories() = default;
  RemoteMemories(const RemoteMemories&) = delete;
  RemoteMemories& operator=(const RemoteMemories&) = delete;
  ~RemoteMemories() { release_all(); }

  // `remote_key`: a wrapped memory key of the peer of `endpoint`.
  Result<std::unique_ptr<RemoteMemory>> unpack(ucp_ep_h endpoint,
                                               std::span<const std::byte> remote_key);
  void release_all();

 private:
  friend class UcxRemoteMemory;
  std::vector<UcxRemoteMemory*> memories_;
};

}  // namespace pegaflow::transport
