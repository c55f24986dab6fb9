// Whole small text files: read with a size limit, written in one go, and the last lines of logs.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "pegaflow/result.h"

namespace pegaflow::tools {

// kNotFound, kSystem; kResourceExhausted beyond `max_bytes`. Messages name the path.
Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t max_bytes);
Status write_text_file(const std::filesystem::path& path, std::string_view text);

// The last `lines` lines of a file; what could not be read is said in the text itself.
std::string tail_of_file(const std::filesystem::path& path, std::size_t lines);

}  // namespace pegaflow::tools
