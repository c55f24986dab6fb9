// Text in columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pegaflow::ctl {

// Rows under a heading, each column as wide as its widest cell (in UTF-8 characters). Control
// characters, which names from outside may contain, become '?'. REQUIRES: rows as wide as the
// heading.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) { rows_.push_back(std::move(heading)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.size() == 1; }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string bandwidth_text(std::uint64_t bytes_per_second);  // "12.3 GB/s", "-" for 0
std::string duration_text(std::uint64_t nanoseconds);        // "4.2 µs", "-" for 0

}  // namespace pegaflow::ctl
