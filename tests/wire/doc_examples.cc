#include "tests/wire/doc_examples.h"

#include <fstream>
#include <sstream>

#include "base/hex.h"

namespace pegaflow {

std::map<std::string, std::string> doc_examples(const std::string& page) {
  const std::string path = std::string(PEGAFLOW_SOURCE_DIR) + "/docs/formats/" + page;
  std::ifstream file(path);
  std::map<std::string, std::string> examples;
  std::string line;
  std::string name;
  bool inside = false;
  while (std::getline(file, line)) {
    constexpr std::string_view kMark = "<!-- example: ";
    if (!inside && line.starts_with(kMark)) {
      name = line.substr(kMark.size(), line.find(" -->") - kMark.size());
    } else if (line.starts_with("```")) {
      inside = !inside && !name.empty();
      if (!inside) name.clear();
    } else if (inside) {
      examples[name] += line + '\n';
    }
  }
  return examples;
}

std::vector<std::byte> bytes_of_hex(const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  std::string digits;
  while (std::getline(lines, line)) {
    for (const char c : line.substr(0, line.find('#'))) {
      if (c != ' ') digits += c;
    }
  }
  std::vector<std::uint8_t> bytes(digits.size() / 2);
  if (!from_hex(digits, bytes).ok()) return {};
  const auto view = std::as_bytes(std::span(bytes));
  return {view.begin(), view.end()};
}

std::string hex_of_bytes(std::span<const std::byte> bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && i % 4 == 0) text += i % 32 == 0 ? '\n' : ' ';
    const auto value = static_cast<std::uint8_t>(bytes[i]);
    text += to_hex(std::span(&value, 1));
  }
  return text;
}

}  // namespace pegaflow
