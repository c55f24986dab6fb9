#include "support/text_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <ios>

namespace pegaflow::tools {
namespace {

Error file_error(const std::filesystem::path& path, const char* what) {
  const auto code = errno == ENOENT ? Code::kNotFound : Code::kSystem;
  return {code, path.string() + ": " + what + ": " + std::strerror(errno)};
}

}  // namespace

Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t max_bytes) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return file_error(path, "cannot open");
  std::string text;
  std::string piece(std::size_t{64} * 1024, '\0');
  while (in) {
    in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    text.append(piece, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > max_bytes) {
      return Error(Code::kResourceExhausted,
                   path.string() + ": more than " + std::to_string(max_bytes) + " bytes");
    }
  }
  if (in.bad()) return file_error(path, "cannot read");
  return text;
}

Status write_text_file(const std::filesystem::path& path, std::string_view text) {
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.flush();
  if (!out) return file_error(path, "cannot write");
  return {};
}

std::string tail_of_file(const std::filesystem::path& path, std::size_t lines) {
  constexpr std::size_t kMaxLogBytes = std::size_t{64} << 20;
  auto text = read_text_file(path, kMaxLogBytes);
  if (!text.ok()) return "(" + text.error().message() + ")\n";
  std::size_t start = text->size();
  // The last byte is the last line's own end.
  for (std::size_t n = 0; n < lines && start > 0; ++n) {
    const auto newline = start < 2 ? std::string::npos : text->rfind('\n', start - 2);
    start = newline == std::string::npos ? 0 : newline + 1;
  }
  return text->substr(start);
}

}  // namespace pegaflow::tools
