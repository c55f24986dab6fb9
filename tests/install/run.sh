#!/usr/bin/env bash
# Installs a build into a temporary prefix and builds programs against the package found there.
#
#   run.sh [BUILD_FOLDER]      default: build/dev
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build=${1:-build/dev}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" || {
  cat "$work/install.log"
  exit 1
}
for program in consumer agent_host; do
  cmake -S "tests/install/$program" -B "$work/$program" -G Ninja \
    -DCMAKE_BUILD_TYPE=Debug -DCMAKE_PREFIX_PATH="$work/prefix"
  cmake --build "$work/$program"
  "$work/$program/$program"
done

# The engine-side library must not drag UCX into the engine's process.
if ldd "$work/consumer/consumer" | grep -E 'libuc[pst]'; then
  echo "install test: pegaflow::client links UCX" >&2
  exit 1
fi
for program in pegaflow-agent pegaflow-rendezvous; do
  "$work/prefix/bin/$program" --version
done
echo "install test: programs build and run against the installed package"
