// The version this agent was built as; CMake gives it.
#pragma once

namespace pegaflow::agent {

inline constexpr const char* kVersion = PEGAFLOW_VERSION;

}  // namespace pegaflow::agent
