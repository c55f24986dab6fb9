#!/usr/bin/env bash
# Builds what PEGAFLOW_CUDA changes both ways, and runs those tests. Without nvcc the CUDA half is
# left out, and says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build_and_test() {  # FOLDER OPTION TARGET …
  local folder=$1 option=$2
  shift 2
  cmake --preset dev -B "build/$folder" -DPEGAFLOW_CUDA="$option" -DPEGAFLOW_BENCH="$option"
  cmake --build "build/$folder" -j "$(nproc)" --target "$@"
  ctest --test-dir "build/$folder" --output-on-failure -R '^memory_(cuda|region|host_mover)'
}

# All tests of the folder: whatever of them is not built would fail.
build_and_test no-cuda OFF tests/memory/all
if [[ -x ${CUDA_HOME:-/usr/local/cuda}/bin/nvcc ]] || command -v nvcc >/dev/null; then
  build_and_test cuda ON tests/memory/all gpu_bench
else
  echo "SKIPPED: no nvcc on this machine, so nothing of CUDA was built"
fi
