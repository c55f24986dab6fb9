// Runs a fuzzer's entry point over every file of its corpus, and over each file's prefixes: what
// once crashed stays fixed, without libFuzzer.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::vector<std::uint8_t> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Each input in a buffer of exactly its size, so that a sanitizer sees a read past its end.
void replay(const std::vector<std::uint8_t>& content) {
  constexpr std::size_t kMostPrefixes = 256;
  const std::size_t step = content.size() / kMostPrefixes + 1;
  for (std::size_t size = 0; size < content.size(); size += step) {
    const std::vector<std::uint8_t> prefix(content.data(), content.data() + size);
    LLVMFuzzerTestOneInput(prefix.data(), prefix.size());
  }
  LLVMFuzzerTestOneInput(content.data(), content.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      replay(read_file(entry.path()));
      ++files;
    }
  }
  std::printf("%zu files replayed\n", files);
  return files > 0 ? 0 : 1;
}
