// examples/minimal_transfer against real agents.
#include <gtest/gtest.h>
#include <poll.h>

#include "support/interrupt.h"
#include "support/node_pair.h"
#include "support/process_group.h"
#include "support/temp_dir.h"
#include "support/text_file.h"

namespace pegaflow::demo {
namespace {

TEST(MinimalTransfer, moves_every_row_between_two_running_agents) {
  const auto interrupt = tools::Interrupt::create();
  const auto dir = tools::TempDir::create();
  ASSERT_TRUE(interrupt.ok() && dir.ok());
  tools::ProcessGroup agents(dir->path());
  const tools::Programs programs{"", PEGAFLOW_AGENT, PEGAFLOW_RENDEZVOUS};
  tools::NodePair nodes({tools::PairOptions(), programs, dir->path()}, agents, *interrupt);
  const auto started = nodes.start();
  ASSERT_TRUE(started.ok()) << started.error().message();
  const auto linked = nodes.wait_for_link();
  ASSERT_TRUE(linked.ok()) << linked.error().message();

  tools::ProcessGroup programs_run(dir->path());
  ASSERT_TRUE(programs_run
                  .spawn({"minimal_transfer",
                          {PEGAFLOW_MINIMAL_TRANSFER, tools::producer_socket(dir->path()),
                           tools::consumer_socket(dir->path())}})
                  .ok());
  pollfd ended{programs_run.children()[0].pidfd(), POLLIN, 0};
  ASSERT_EQ(::poll(&ended, 1, 40'000), 1);
  ASSERT_NE(programs_run.ended(), nullptr);
  const auto log = tools::tail_of_file(programs_run.children()[0].log(), 20);
  EXPECT_EQ(programs_run.children()[0].how_it_ended(), "exit status 0") << log;
  EXPECT_EQ(log, "100 tokens moved, every row right\n");
  agents.stop(std::chrono::seconds(10));
}

}  // namespace
}  // namespace pegaflow::demo
