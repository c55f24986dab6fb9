#include "memory/memory_budget.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>

namespace pegaflow::memory {
namespace {

constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();

// The number after `name` in a file of "name number …" lines.
std::optional<std::uint64_t> named_number(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    std::uint64_t value = 0;
    if (word == name && file >> value) return value;
    file.clear();
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return {};
}

// A file with one number; nothing when it isn't there or says "max".
std::optional<std::uint64_t> only_number(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return {};
}

// What a control group's limit leaves; the page cache of files can be given up for us.
std::uint64_t left_in_group(const std::string& group) {
  const auto limit = only_number(group + "/memory.max");
  if (!limit) return kUnknown;
  const auto used = only_number(group + "/memory.current").value_or(0);
  const auto cache = named_number(group + "/memory.stat", "inactive_file").value_or(0) +
                     named_number(group + "/memory.stat", "active_file").value_or(0);
  const auto held = used - std::min(used, cache);
  return *limit - std::min(*limit, held);
}

// The path of this process's group below the root, from the line "0::/path".
std::string own_group(const std::string& own_cgroup) {
  std::ifstream file(own_cgroup);
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("0::/")) return line.substr(3);
  }
  return "/";
}

std::uint64_t mebibytes(std::uint64_t bytes) { return bytes >> 20U; }

}  // namespace

std::uint64_t available_memory(const MemorySources& sources) {
  std::uint64_t available = kUnknown;
  if (const auto kib = named_number(sources.meminfo, "MemAvailable:")) available = *kib * 1024;
  std::string group = own_group(sources.own_cgroup);
  for (;;) {  // a group is limited by its ancestors too
    available = std::min(available, left_in_group(sources.cgroup_root + group));
    const auto slash = group.rfind('/');
    if (slash == std::string::npos || group.size() <= 1) return available;
    group.resize(slash == 0 ? 1 : slash);
  }
}

Status check_memory(std::string_view what, std::uint64_t bytes, std::uint64_t available) {
  if (bytes <= available) return {};
  return Error(Code::kResourceExhausted,
               std::string(what) + " needs " + std::to_string(mebibytes(bytes)) +
                   " MiB of memory, but only " + std::to_string(mebibytes(available)) +
                   " MiB are available to this process; configure fewer or smaller slots, or " +
                   "raise the memory limit");
}

}  // namespace pegaflow::memory
