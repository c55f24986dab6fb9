// The UCX tests' main: the tests, or the peer that one of them spawned.
#include <gtest/gtest.h>

#include "ucx_backend.h"

int main(int argc, char** argv) {
  if (argc == 2 && pegaflow::transport::testing::run_as_peer(argv[1])) return 0;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
