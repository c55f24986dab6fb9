// The examples of the format pages (docs/formats/*.md) are the golden files of the tests: what a
// page shows is what the code writes.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace pegaflow {

// The fenced blocks of a page that follow a line "<!-- example: NAME -->", by name; none when the
// page cannot be read.
std::map<std::string, std::string> doc_examples(const std::string& page);

// Hex digits in any grouping; the rest of a line after '#' is a comment. None for other text.
std::vector<std::byte> bytes_of_hex(const std::string& text);
// Groups of four bytes, 32 bytes a line: the form in which pages show bytes.
std::string hex_of_bytes(std::span<const std::byte> bytes);

}  // namespace pegaflow
