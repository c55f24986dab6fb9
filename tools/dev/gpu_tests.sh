#!/usr/bin/env bash
# Builds and runs everything that needs GPUs: the tests labelled gpu, the same under
# compute-sanitizer (memory, races), and whole deployments whose engines are torch processes
# (tests/gpu). Two GPUs with peer access run all of it; with fewer, tests skip and say so.
# Needs nvcc, GoogleTest, and a Python with torch, numpy, nanobind, pytest and pytest-xdist.
# Usage: tools/dev/gpu_tests.sh [OUTPUT]
#   OUTPUT      folder for logs; default build/gpu-results
#   CMAKE_ARGS  in the environment: more options for cmake
#   PYTHON      which Python; default python3
#   BIN_DIR     the programs of a build whose Python module can be imported: nothing is built then
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

output=${1:-build/gpu-results}
python=${PYTHON:-python3}
build=${BIN_DIR:-build/gpu}
site=$PWD/build/gpu-site
mkdir -p "$output"
read -r -a options <<<"${CMAKE_ARGS:-}"

build_all() {
  cmake --preset release -B "$build" -DPEGAFLOW_CUDA=ON -DPEGAFLOW_BENCH=OFF \
    -DPEGAFLOW_TEST_LABELS=gpu "${options[@]}"
  cmake --build "$build" -j "$(nproc)" --target pegaflow_tests pegaflow-agent \
    pegaflow-rendezvous pegaflowctl pegaflow-demo -- -k 0
  cmake -S python -B "$build-python" -G Ninja -DPEGAFLOW_CUDA=ON \
    -DPython_EXECUTABLE="$(command -v "$python")" \
    -Dnanobind_DIR="$("$python" -m nanobind --cmake_dir)" "${options[@]}"
  cmake --build "$build-python" -j "$(nproc)"
  mkdir -p "$site"
  cp -r python/pegaflow "$site"
  cmake --install "$build-python" --component python --prefix "$site"
}

failed=0
shown='PASSED|SKIPPED|SUMMARY|FAILED|passed|failed|skipped'
report() {  # NAME STATUS
  if [[ $2 == 0 ]]; then
    echo "== $1: passed"
    grep -E "$shown" "$output/$1.txt" | tail -n 12 || true
  else
    echo "== $1: FAILED with status $2"
    tail -n 60 "$output/$1.txt"
    failed=1
  fi
}
run() {  # NAME COMMAND …: the output into a file of that name
  local name=$1 status=0
  shift
  "$@" >"$output/$name.txt" 2>&1 || status=$?
  report "$name" "$status"
}
declare -A beside=()
run_beside() {  # the same, beside what follows
  local name=$1
  shift
  "$@" >"$output/$name.txt" 2>&1 &
  beside[$name]=$!
}

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | tee "$output/machine.txt"
# Beside: as a condition it would not end at its first error.
[[ -n ${BIN_DIR:-} ]] || build_all >"$output/build.txt" 2>&1 &
if ! wait $!; then
  grep -E 'error:|Error' -A 5 "$output/build.txt" | head -n 80
  echo "the build failed: $output/build.txt"
  exit 1
fi

for program in "$build"/tests/{memory/cuda/*_test,transport/transport_gpu_conformance_test}; do
  run "$(basename "$program")" "$program"
done

# The sanitizer slows kernels a hundredfold: fewer random cases, and not the test that fills the
# GPU. API errors are what some tests are about.
sanitizer=$(command -v compute-sanitizer || true)
if [[ -z $sanitizer ]]; then
  echo "SKIPPED: compute-sanitizer is not installed"
else
  export RC_PARAMS=max_success=3
  for tool in memcheck racecheck; do
    for test in mover device; do
      run_beside "$tool-$test" "$sanitizer" --tool "$tool" --error-exitcode 9 \
        --report-api-errors no "$build/tests/memory/cuda/memory_cuda_${test}_test" \
        --gtest_filter='-*fenced*:*so_far*'
    done
  done
fi

run deployments env PYTHONPATH="$site:${PYTHONPATH:-}" PEGAFLOW_BIN_DIR="$(realpath "$build")" \
  "$python" -m pytest -q -raR \
  -n 12 --timeout 300 -p no:cacheprovider --import-mode importlib \
  --junitxml "$output/deployments.xml" tests/gpu

for name in "${!beside[@]}"; do
  status=0
  wait "${beside[$name]}" || status=$?
  report "$name" "$status"
done
exit "$failed"
