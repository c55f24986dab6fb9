#include "pegaflow-bench/page_pool.h"

#include <algorithm>

#include "support/pattern.h"

namespace pegaflow::bench {

std::string source_instance(std::uint32_t number) { return "bench-p-" + std::to_string(number); }
std::string sink_instance(std::uint32_t number) { return "bench-d-" + std::to_string(number); }

Result<std::unique_ptr<PagePool>> PagePool::create(const Workload& workload, const std::string& gpu,
                                                   const std::string& socket_path,
                                                   const std::string& instance) {
  std::unique_ptr<PagePool> pool(new PagePool(workload));
  PEGAFLOW_ASSIGN(pool->memory_, allocate_pool(workload.memory, workload.pool_bytes(), gpu));
  PEGAFLOW_ASSIGN(const auto layout,
                  make_pool_layout(workload, pool->memory_->address(), pool->memory_->gpu()));
  SessionConfig config;
  config.socket_path = socket_path;
  config.instance = instance;
  config.gpu = pool->memory_->gpu();
  PEGAFLOW_ASSIGN(pool->session_, Session::connect(config));
  PEGAFLOW_ASSIGN(pool->handle_, pool->session_->add_pool(layout));
  return pool;
}

Status PagePool::fill_all() {
  for (std::uint32_t id = 0; id < workload_.pool_pages(); ++id) {
    tools::fill_row(workload_.page_seed(id), page(id));
  }
  return memory_->flush();
}

Status PagePool::clear(std::span<const std::uint32_t> pages) {
  for (const auto id : pages) std::ranges::fill(page(id), std::byte{0});
  return memory_->flush();
}

Result<std::uint64_t> PagePool::wrong_bytes(std::span<const std::uint32_t> pages,
                                            std::span<const std::uint32_t> expected) {
  PEGAFLOW_TRY(memory_->fetch());
  std::uint64_t wrong = 0;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const auto seed = workload_.page_seed(expected[i]);
    const auto found = page(pages[i]);
    if (!tools::row_matches(seed, found)) wrong += tools::count_wrong_bytes(seed, found);
  }
  return wrong;
}

Error failure_of(const Event& event) {
  return {Code::kUnavailable, "a transfer ended " + std::string(to_string(event.kind)) + " (" +
                                  std::string(to_string(event.reason)) + ") " + event.detail};
}

}  // namespace pegaflow::bench
