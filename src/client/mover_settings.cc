#include "client/mover_settings.h"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <system_error>

namespace pegaflow::client {
namespace {

// More than any GPU runs at once.
constexpr std::uint32_t kMostCtas = 1024;
// Beyond any GPU's memory; times the chunks of a plan it still fits into 64 bits.
constexpr std::uint64_t kMostBurstBytes = 1ULL << 40U;

// Leaves `value` alone if the variable is not set.
template <typename Number>
Status read(const char* variable, Number least, Number most, Number& value) {
  const char* text = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (text == nullptr) return {};
  const char* end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, value);
  if (error == std::errc() && stopped == end && value >= least && value <= most) return {};
  return Error{Code::kInvalidArgument, std::string(variable) + " is \"" + text + "\", expected " +
                                           std::to_string(least) + " … " + std::to_string(most)};
}

}  // namespace

Result<memory::MoverConfig> mover_settings() {
  memory::MoverConfig config;
  PEGAFLOW_TRY(read("PEGAFLOW_GATHER_CTAS", 1U, kMostCtas, config.gather_ctas));
  PEGAFLOW_TRY(read("PEGAFLOW_SCATTER_CTAS", 1U, kMostCtas, config.scatter_ctas));
  PEGAFLOW_TRY(read("PEGAFLOW_COPY_ENGINE_RUN_BYTES", std::uint64_t{0},
                    std::numeric_limits<std::uint64_t>::max(), config.copy_engine_run_bytes));
  PEGAFLOW_TRY(read("PEGAFLOW_BURST_BYTES", std::uint64_t{0}, kMostBurstBytes, config.burst_bytes));
  return config;
}

}  // namespace pegaflow::client
