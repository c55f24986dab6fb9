// PagePool: an engine's pool and session: what the source and the sink of the benchmark share.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "pegaflow-bench/pool_memory.h"
#include "pegaflow-bench/workload.h"
#include "pegaflow/session.h"

namespace pegaflow::bench {

// Instance names of the engines of measurement `number`; each has engines of its own.
std::string source_instance(std::uint32_t number);
std::string sink_instance(std::uint32_t number);

// Not thread safe.
class PagePool {
 public:
  // Allocates the pool (on `gpu`, if the workload's memory is a GPU's), connects to the agent and
  // registers it there.
  static Result<std::unique_ptr<PagePool>> create(const Workload& workload, const std::string& gpu,
                                                  const std::string& socket_path,
                                                  const std::string& instance);

  Session& session() { return *session_; }
  PoolHandle handle() const { return handle_; }
  const Workload& workload() const { return workload_; }

  Status fill_all();                                   // each page with its own pattern
  Status clear(std::span<const std::uint32_t> pages);  // to zeros; other pages may change, too
  // Bytes of `pages` that are not what the pages `expected` of a filled pool hold.
  Result<std::uint64_t> wrong_bytes(std::span<const std::uint32_t> pages,
                                    std::span<const std::uint32_t> expected);

 private:
  explicit PagePool(const Workload& workload) : workload_(workload) {}
  std::span<std::byte> page(std::uint32_t id) {
    return memory_->view().subspan(id * workload_.page_bytes, workload_.page_bytes);
  }
  Workload workload_;
  std::unique_ptr<PoolMemory> memory_;  // outlives the session that moves its bytes
  std::unique_ptr<Session> session_;
  PoolHandle handle_;
};

inline std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(Nanos(SteadyClock().now().time_since_epoch()).count());
}

// Why a transfer that ended otherwise than done did so.
Error failure_of(const Event& event);

}  // namespace pegaflow::bench
