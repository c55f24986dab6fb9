#include "pegaflow-bench/page_pool.h"

#include <vector>

#include "support/pattern.h"

namespace pegaflow::bench {

std::string source_instance(std::uint32_t number) { return "bench-p-" + std::to_string(number); }
std::string sink_instance(std::uint32_t number) { return "bench-d-" + std::to_string(number); }

Result<std::unique_ptr<PagePool>> PagePool::create(const Workload& workload,
                                                   const std::string& socket_path,
                                                   const std::string& instance) {
  std::unique_ptr<PagePool> pool(new PagePool(workload));
  PEGAFLOW_ASSIGN(pool->memory_, allocate_pool(workload.memory, workload.pool_bytes()));
  PEGAFLOW_ASSIGN(const auto layout, make_pool_layout(workload, pool->memory_->address()));
  SessionConfig config;
  config.socket_path = socket_path;
  config.instance = instance;
  PEGAFLOW_ASSIGN(pool->session_, Session::connect(config));
  PEGAFLOW_ASSIGN(pool->handle_, pool->session_->add_pool(layout));
  return pool;
}

void PagePool::fill_all() {
  std::vector<std::byte> page(workload_.page_bytes);
  for (std::uint32_t id = 0; id < workload_.pool_pages(); ++id) {
    tools::fill_row(workload_.page_seed(id), page);
    memory_->write(id * workload_.page_bytes, page);
  }
}

void PagePool::clear(std::span<const std::uint32_t> pages) {
  const std::vector<std::byte> zeros(workload_.page_bytes);
  for (const auto id : pages) memory_->write(id * workload_.page_bytes, zeros);
}

std::uint64_t PagePool::wrong_bytes(std::span<const std::uint32_t> pages,
                                    std::span<const std::uint32_t> expected) const {
  std::vector<std::byte> page(workload_.page_bytes);
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    memory_->read(pages[i] * workload_.page_bytes, page);
    const auto seed = workload_.page_seed(expected[i]);
    if (!tools::row_matches(seed, page)) wrong += tools::count_wrong_bytes(seed, page);
  }
  return wrong;
}

Error failure_of(const Event& event) {
  return {Code::kUnavailable, "a transfer ended " + std::string(to_string(event.kind)) + " (" +
                                  std::string(to_string(event.reason)) + ") " + event.detail};
}

}  // namespace pegaflow::bench
