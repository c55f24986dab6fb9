// What UCX prints to a FILE*, as a string.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

namespace pegaflow::transport {

// Calls print(FILE*); empty when the stream could not be made.
template <typename Print>
std::string printed(Print print) {
  char* text = nullptr;
  std::size_t length = 0;
  std::FILE* stream = open_memstream(&text, &length);
  if (stream == nullptr) return {};
  print(stream);
  std::string result;
  if (std::fclose(stream) == 0) result.assign(text, length);
  std::free(text);
  return result;
}

}  // namespace pegaflow::transport
