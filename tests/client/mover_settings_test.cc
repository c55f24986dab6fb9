// mover_settings: what the environment says of GPU copies.
#include "client/mover_settings.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace pegaflow::client {
namespace {

// A variable of the environment while it lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

TEST(MoverSettings, are_the_defaults_without_variables) {
  const auto settings = mover_settings();
  ASSERT_TRUE(settings.ok()) << settings.error().message();
  const memory::MoverConfig defaults;
  EXPECT_EQ(settings->gather_ctas, defaults.gather_ctas);
  EXPECT_EQ(settings->scatter_ctas, defaults.scatter_ctas);
  EXPECT_EQ(settings->copy_engine_run_bytes, defaults.copy_engine_run_bytes);
  EXPECT_EQ(settings->burst_bytes, defaults.burst_bytes);
}

TEST(MoverSettings, each_variable_sets_its_own) {
  const Variable gathers("PEGAFLOW_GATHER_CTAS", "16");
  const Variable scatters("PEGAFLOW_SCATTER_CTAS", "1024");
  const Variable runs("PEGAFLOW_COPY_ENGINE_RUN_BYTES", "65536");
  const Variable bursts("PEGAFLOW_BURST_BYTES", "0");
  const auto settings = mover_settings();
  ASSERT_TRUE(settings.ok()) << settings.error().message();
  EXPECT_EQ(settings->gather_ctas, 16U);
  EXPECT_EQ(settings->scatter_ctas, 1024U);
  EXPECT_EQ(settings->copy_engine_run_bytes, 65536U);
  EXPECT_EQ(settings->burst_bytes, 0U);
}

TEST(MoverSettings, what_is_no_number_in_range_is_refused_by_name) {
  for (const char* value : {"", "0", "1025", "16 ", "-1", "many", "99999999999"}) {
    const Variable gathers("PEGAFLOW_GATHER_CTAS", value);
    const auto settings = mover_settings();
    ASSERT_FALSE(settings.ok()) << value;
    EXPECT_EQ(settings.error().code(), Code::kInvalidArgument);
    const std::string expected =
        std::string("PEGAFLOW_GATHER_CTAS is \"") + value + "\", expected 1 … 1024";
    EXPECT_EQ(settings.error().message(), expected);
  }
}

}  // namespace
}  // namespace pegaflow::client
