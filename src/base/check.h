// CHECK(condition): aborts with file, line and text when a bug is found. Never for expected
// failure.
#pragma once

namespace pegaflow {
[[noreturn]] void check_failed(const char* file, int line, const char* condition);
}  // namespace pegaflow

#define PEGAFLOW_CHECK(condition) \
  ((condition) ? (void)0 : ::pegaflow::check_failed(__FILE__, __LINE__, #condition))
