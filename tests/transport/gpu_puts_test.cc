// What the suite does not ask of others: puts into GPU memory go there by copy engine, or fail.
// Bytes that pass a process's hands on the way would be no stand-in for a NIC that reads GPUs.
#include <algorithm>

#include "gpu_specs.h"
#include "link_fixture.h"

namespace pegaflow::transport::testing {
namespace {

using GpuPuts = LinkTest;

// Emulated ones would wait for the peer to take them in.
TEST_P(GpuPuts, land_while_the_peer_runs_nothing) {
  peer_does(Command::kSleep);
  std::uint64_t seed = 10;
  for (const std::size_t size : {std::size_t{1}, std::size_t{4096}, std::size_t{4} << 20}) {
    ASSERT_TRUE(side().put_pattern(++seed, 8, size).ok());
    flush_and_wait();
    ASSERT_EQ(peer_does(Command::kHasPattern, seed, 8, size), 1U) << size;
  }
  EXPECT_EQ(side().record().flushed_failed, 0U);
  peer_does(Command::kWakeUp);
}

using GpuPutsWithoutCudaIpc = LinkTest;

TEST_P(GpuPutsWithoutCudaIpc, break_the_link_and_change_nothing) {
  const auto lanes = worker().lanes();
  ASSERT_TRUE(lanes.ok()) << lanes.error().message();
  ASSERT_FALSE(lanes->emulated) << lanes->text;
  ASSERT_EQ(std::ranges::find(lanes->rma, "cuda_ipc"), lanes->rma.end()) << lanes->text;
  constexpr std::size_t kBytes = 1 << 20;
  // Refused at once, or later; the flush behind it is refused or fails.
  static_cast<void>(side().put_pattern(3, 0, kBytes));
  static_cast<void>(side().flush(0));
  EXPECT_TRUE(side().run_until([&] { return side().record().broken > 0; }));
  EXPECT_EQ(side().record().flushed_ok, 1U);  // that of the wire-up
  EXPECT_EQ(peer_does(Command::kHasPattern, 3, 0, kBytes), 0U);
}

INSTANTIATE_TEST_SUITE_P(Transport, GpuPuts, ::testing::ValuesIn(backends_under_test()),
                         ::testing::PrintToStringParamName());
INSTANTIATE_TEST_SUITE_P(Transport, GpuPutsWithoutCudaIpc, ::testing::Values(without_cuda_ipc()),
                         ::testing::PrintToStringParamName());

}  // namespace
}  // namespace pegaflow::transport::testing
