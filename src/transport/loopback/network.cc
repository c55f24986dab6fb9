#include "transport/loopback/network.h"

#include "base/check.h"
#include "transport/loopback/fabric.h"
#include "transport/loopback/memory.h"
#include "transport/loopback/worker.h"

namespace pegaflow::transport {
namespace {

class LoopbackContext final : public Context {
 public:
  LoopbackContext(Fabric& fabric, std::uint32_t max_registrations)
      : fabric_(fabric), registrations_(max_registrations) {}
  ~LoopbackContext() override { PEGAFLOW_CHECK(!registrations_.any()); }
  LoopbackContext(const LoopbackContext&) = delete;
  LoopbackContext& operator=(const LoopbackContext&) = delete;

  std::string_view name() const override { return "loopback"; }
  std::string version() const override { return "1"; }
  Result<std::unique_ptr<LocalMemory>> register_memory(std::span<std::byte> bytes,
                                                       MemoryKind /*memory*/) override {
    PEGAFLOW_ASSIGN(auto slot, registrations_.take(bytes));
    return LoopbackLocalMemory::map(fabric_, bytes, std::move(slot));
  }
  Result<std::unique_ptr<Worker>> make_worker(WorkerEvents& events) override {
    return LoopbackWorker::create(fabric_, events);
  }

 private:
  Fabric& fabric_;
  Registrations registrations_;
};

Port& port_of(const Worker& worker) { return static_cast<const LoopbackWorker&>(worker).port(); }

}  // namespace

LoopbackNetwork::LoopbackNetwork() : fabric_(std::make_unique<Fabric>(std::nullopt)) {}
LoopbackNetwork::LoopbackNetwork(std::uint64_t seed) : fabric_(std::make_unique<Fabric>(seed)) {}
LoopbackNetwork::~LoopbackNetwork() = default;

std::unique_ptr<Context> LoopbackNetwork::make_context(std::uint32_t max_registrations) {
  return std::make_unique<LoopbackContext>(*fabric_, max_registrations);
}

bool LoopbackNetwork::step() { return fabric_->step(); }

void LoopbackNetwork::break_link(const Worker& either_side) {
  fabric_->break_link(port_of(either_side));
}

void LoopbackNetwork::hold_puts(const Worker& sender) { fabric_->hold_puts(port_of(sender), true); }

void LoopbackNetwork::release_puts(const Worker& sender) {
  fabric_->hold_puts(port_of(sender), false);
}

}  // namespace pegaflow::transport
