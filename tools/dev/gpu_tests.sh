#!/usr/bin/env bash
# Builds and runs everything that needs a GPU: tests labelled gpu, the same under compute-sanitizer
# (memory, races), and the benchmark of the copy kernels. Two GPUs with peer access run all of it;
# with one, tests that need two skip and say so.
# Usage: tools/dev/gpu_tests.sh [--programs DIR] [OUTPUT]
#   --programs DIR  run the programs in DIR (built elsewhere) instead of building them
#   OUTPUT          folder for logs; default build/gpu-results
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

programs=""
if [[ "${1:-}" == --programs ]]; then
  programs=$(realpath "${2:?--programs needs a folder}")
  shift 2
fi
output=${1:-build/gpu-results}
mkdir -p "$output"

if [[ -z $programs ]]; then
  cmake --preset release -B build/gpu -DPEGAFLOW_CUDA=ON -DPEGAFLOW_TEST_LABELS='^gpu$'
  cmake --build build/gpu -j "$(nproc)" --target pegaflow_tests gpu_bench
  programs=build/gpu/programs
  mkdir -p "$programs"
  find build/gpu/tests build/gpu/bench -name '*.d' -prune -o -type f -perm -u+x \
    \( -name '*cuda*_test' -o -name gpu_bench \) -exec ln -sf -t "$programs" "$PWD/{}" ';'
fi

failed=0
run() {  # NAME COMMAND …: the output into a file of that name, its end to the terminal
  local name=$1
  shift
  echo "== $name"
  if "$@" >"$output/$name.txt" 2>&1; then
    grep -E 'PASSED|SKIPPED|ERROR SUMMARY|RACECHECK SUMMARY|^\{' "$output/$name.txt" || true
  else
    echo "FAILED: $name"
    tail -n 30 "$output/$name.txt"
    failed=1
  fi
}

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | tee "$output/machine.txt"
for program in "$programs"/*_test; do
  run "$(basename "$program")" "$program"
done
# The sanitizer slows kernels a hundredfold: fewer random cases, and no test that races on purpose.
sanitizer=$(command -v compute-sanitizer || true)
if [[ -z $sanitizer ]]; then
  echo "SKIPPED: compute-sanitizer is not installed"
else
  for tool in memcheck racecheck; do
    run "$tool" env RC_PARAMS=max_success=3 "$sanitizer" --tool "$tool" --error-exitcode 9 \
      "$programs/memory_cuda_mover_test" --gtest_filter='-*fenced*:*other_memory*'
  done
fi
run gpu_bench "$programs/gpu_bench"
exit "$failed"
