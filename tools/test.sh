#!/usr/bin/env bash
# Builds PegaFlow and runs its tests; installs what is missing first.
#
#   tools/test.sh                  build, tests, Python tests
#   tools/test.sh --full           also lint, sanitizers, the second UCX, install, README
#   tools/test.sh --only STAGE…    these stages
#   tools/test.sh --retry          a test that fails runs once more; named when it passes then
#   tools/test.sh --list           prints the stages and stops (with --full: all)
#
# Output of each stage: build/logs/STAGE.log. Last line: N passed, N failed, N skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dependencies=()
for argument in "$@"; do
  case $argument in
    --full | --only) dependencies=(--full) ;;
    --list | --help | -h) exec python3 tools/dev/run_stages.py "$@" ;;
  esac
done
bash tools/dev/install_deps.sh "${dependencies[@]}"
exec python3 tools/dev/run_stages.py "$@"
