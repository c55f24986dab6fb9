#include "agent/writer_table.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "base/pidfd.h"
#include "support/null_probe.h"
#include "support/side.h"

namespace pegaflow::agent {
namespace {

// A process that waits to be killed.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      ::pause();
      ::_exit(0);
    }
  }
  ~Child() {
    kill();
    ::waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  void kill() const { ::kill(pid_, SIGKILL); }
  UniqueFd pidfd() const { return pidfd_of_process(pid_).value(); }

 private:
  pid_t pid_;
};

class WriterTableTest : public ::testing::Test {
 protected:
  WriterTableTest() {
    SideConfig config{.topology = two_nodes(dir, topology::LinkPath::kAuto), .node = "p"};
    side.emplace(std::move(config));
    side->start();
  }
  bool until(const std::function<bool()>& condition) { return run_until({&*side}, condition); }
  WriterTable& table() { return side->writers(); }

  TempDir dir;
  std::optional<Side> side;
};

TEST_F(WriterTableTest, numbers_are_distinct_start_at_one_and_rest_before_they_return) {
  const WriterId first = table().add().value();
  const WriterId second = table().add().value();
  EXPECT_EQ(first, WriterId{1});
  EXPECT_EQ(second, WriterId{2});
  table().ended(first);
  EXPECT_EQ(side->upper.writers_gone, std::vector{first});
  EXPECT_EQ(table().add().value(), WriterId{3});
}

TEST_F(WriterTableTest, all_numbers_taken_is_an_error_and_one_given_back_is_found) {
  for (int n = 1; n <= 0xFFFF; ++n) ASSERT_TRUE(table().add().ok());
  const auto refused = table().add();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  table().ended(WriterId{77});
  EXPECT_EQ(table().add().value(), WriterId{77});
}

TEST_F(WriterTableTest, process_is_gone_when_it_has_exited_and_not_before) {
  const Child child;
  const WriterId writer = table().add_process(child.pidfd(), Nanos(0)).value();
  side->turn(Nanos(0));
  EXPECT_TRUE(side->upper.writers_gone.empty());
  child.kill();
  ASSERT_TRUE(until([&] { return !side->upper.writers_gone.empty(); }));
  EXPECT_EQ(side->upper.writers_gone, std::vector{writer});
  EXPECT_EQ(table().size(), 0U);
}

TEST_F(WriterTableTest, gpus_time_to_finish_follows_the_exit) {
  const Child child;
  const WriterId writer = table().add_process(child.pidfd(), Nanos(0)).value();
  table().set_teardown(writer, Millis(30));
  const SteadyClock clock;
  const TimePoint killed = clock.now();
  child.kill();
  ASSERT_TRUE(until([&] { return !side->upper.writers_gone.empty(); }));
  EXPECT_GE(clock.now() - killed, Millis(30));
}

}  // namespace
}  // namespace pegaflow::agent
