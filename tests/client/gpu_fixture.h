// Session tests with a FakeGpu below the session.
#pragma once

#include "tests/client/fake_gpu.h"
#include "tests/client/session_fixture.h"

namespace pegaflow::client::testing {

inline constexpr StreamHandle kCompute = 7;  // the engine's stream
inline constexpr std::size_t kBatch = 8;

template <typename Base>
class WithGpu : public Base {
 protected:
  using Base::Base;
  void set_up_gpu(std::size_t max_marks = 4096, std::uint64_t burst_bytes = 0) {
    gpu_ = std::make_unique<FakeGpu>(this->steady_, kBatch, max_marks);
    gpu_->ask_for_bursts(burst_bytes);
    this->streams_ = gpu_->streams();
    this->set_up(gpu_->mover());
  }
  void TearDown() override {
    if (!gpu_) return;
    gpu_->go_on(kCompute);
    gpu_->let_launches_go();
    gpu_->let_copies_go();
    this->session_.reset();
  }
  std::unique_ptr<FakeGpu> gpu_;
};

}  // namespace pegaflow::client::testing
