#!/usr/bin/env bash
# Installs a build into a temporary prefix and builds a program against the package found there.
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
cmake -S tests/install/consumer -B "$work/consumer" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix"
cmake --build "$work/consumer"
"$work/consumer/consumer"

# The engine-side library must not drag UCX into the engine's process.
if ldd "$work/consumer/consumer" | grep -E 'libuc[pst]'; then
  echo "install test: pegaflow::client links UCX" >&2
  exit 1
fi
echo "install test: a program builds and runs against the installed package"
