#include <gtest/gtest.h>

#include "transport/ucx/version.h"

namespace pegaflow::transport {
namespace {

Code check(UcxVersion loaded, UcxVersion compiled, const char* tls) {
  const auto status = check_ucx_version(loaded, compiled, tls);
  return status.ok() ? Code::kInternal : status.error().code();
}

constexpr Code kFits = Code::kInternal;  // no check fails with it

TEST(UcxVersion, that_is_loaded_fits_the_one_compiled_against_here) {
  EXPECT_TRUE(check_ucx_version(loaded_ucx_version(), compiled_ucx_version(), "tcp").ok());
}

TEST(UcxVersion, newer_of_the_same_major_fits) {
  EXPECT_EQ(check({1, 13, 1}, {1, 13, 0}, "tcp"), kFits);
  EXPECT_EQ(check({1, 22, 0}, {1, 13, 0}, "rc,tcp"), kFits);
}

TEST(UcxVersion, older_or_of_another_major_is_refused_with_both_named) {
  EXPECT_EQ(check({1, 13, 1}, {1, 22, 0}, "tcp"), Code::kUnsupported);
  EXPECT_EQ(check({2, 0, 0}, {1, 22, 0}, "tcp"), Code::kUnsupported);
  const auto message = check_ucx_version({1, 13, 1}, {1, 22, 0}, "tcp").error().message();
  EXPECT_NE(message.find("1.13.1"), std::string::npos) << message;
  EXPECT_NE(message.find("1.22.0"), std::string::npos) << message;
}

TEST(UcxVersion, too_old_for_cuda_is_refused_only_when_cuda_is_asked_for) {
  EXPECT_EQ(check({1, 20, 0}, {1, 13, 0}, "cuda_copy,cuda_ipc,tcp"), Code::kUnsupported);
  EXPECT_EQ(check({1, 20, 1}, {1, 13, 0}, "cuda_copy,cuda_ipc,tcp"), kFits);
  EXPECT_EQ(check({1, 20, 0}, {1, 13, 0}, "tcp"), kFits);
}

}  // namespace
}  // namespace pegaflow::transport
