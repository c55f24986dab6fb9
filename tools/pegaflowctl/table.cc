#include "table.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/check.h"

namespace pegaflow::ctl {
namespace {

constexpr std::size_t kGap = 2;

std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return text;
}

std::string scaled(double value, std::array<const char*, 4> units) {
  std::size_t unit = 0;
  while (value >= 1'000 && unit + 1 < units.size()) {
    value /= 1'000;
    ++unit;
  }
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.*f %s", value < 100 ? 1 : 0, value, units.at(unit));
  return text.data();
}

}  // namespace

std::string Table::text() const {
  const std::size_t columns = rows_.front().size();
  std::vector<std::size_t> widths(columns, 0);
  for (const auto& row : rows_) {
    PEGAFLOW_CHECK(row.size() == columns);
    for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < columns; ++i) {
      line += printable(row[i]) + std::string(widths[i] - width(row[i]) + kGap, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string bandwidth_text(std::uint64_t bytes_per_second) {
  if (bytes_per_second == 0) return "-";
  return scaled(static_cast<double>(bytes_per_second), {"B/s", "kB/s", "MB/s", "GB/s"});
}

std::string duration_text(std::uint64_t nanoseconds) {
  if (nanoseconds == 0) return "-";
  return scaled(static_cast<double>(nanoseconds), {"ns", "µs", "ms", "s"});
}

}  // namespace pegaflow::ctl
