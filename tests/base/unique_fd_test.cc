#include "base/unique_fd.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace pegaflow {
namespace {

UniqueFd open_something() { return UniqueFd(::memfd_create("unique_fd_test", MFD_CLOEXEC)); }

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFd, closes_what_it_owns) {
  int raw = -1;
  {
    const UniqueFd fd = open_something();
    raw = fd.get();
    EXPECT_TRUE(fd.valid());
    EXPECT_TRUE(is_open(raw));
  }
  EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, hands_over_when_moved) {
  UniqueFd first = open_something();
  const int raw = first.get();
  UniqueFd second(std::move(first));
  EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(second.get(), raw);
  UniqueFd third = open_something();
  const int replaced = third.get();
  third = std::move(second);
  EXPECT_FALSE(is_open(replaced));
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, survives_assignment_to_itself) {
  UniqueFd fd = open_something();
  const int raw = fd.get();
  UniqueFd& same = fd;
  fd = std::move(same);
  EXPECT_EQ(fd.get(), raw);
  EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, releases_without_closing) {
  UniqueFd fd = open_something();
  const int raw = fd.release();
  EXPECT_FALSE(fd.valid());
  EXPECT_TRUE(is_open(raw));
  ::close(raw);
}

TEST(UniqueFd, duplicates_share_the_file_and_close_on_exec) {
  const UniqueFd fd = open_something();
  const UniqueFd copy = fd.duplicate().value();
  EXPECT_NE(copy.get(), fd.get());
  EXPECT_EQ(::ftruncate(copy.get(), 123), 0);
  EXPECT_EQ(::lseek(fd.get(), 0, SEEK_END), 123);
  EXPECT_EQ(::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}

TEST(UniqueFd, says_why_it_cannot_be_duplicated) {
  const auto copy = UniqueFd().duplicate();
  ASSERT_FALSE(copy.ok());
  EXPECT_EQ(copy.error().code(), Code::kSystem);
  EXPECT_THAT(copy.error().message(), ::testing::HasSubstr("Bad file descriptor"));
}

TEST(SystemError, names_the_attempt_and_the_reason) {
  errno = ENOENT;
  const Error error = system_error("open the door");
  EXPECT_EQ(error.code(), Code::kSystem);
  EXPECT_EQ(error.message(), "open the door: No such file or directory");
}

}  // namespace
}  // namespace pegaflow
