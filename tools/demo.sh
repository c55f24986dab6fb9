#!/usr/bin/env bash
# Installs what is missing, builds, and runs the demo; arguments go to the demo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash tools/dev/install_deps.sh
log=build/logs/demo-build.log
mkdir -p build/logs
echo "demo: building; output in $log"
if ! { cmake --preset release && cmake --build build/release --target pegaflow-demo; } >"$log" 2>&1
then
  tail -n 40 "$log" >&2
  exit 1
fi
exec build/release/tools/pegaflow-demo/pegaflow-demo "$@"
