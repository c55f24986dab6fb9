#!/usr/bin/env bash
# Lives through random requests, changes of mind, deaths, stops and restarts on one machine, and
# checks every byte and every resource meanwhile. Uses the programs in build/dev, or
# $PEGAFLOW_BIN_DIR. Ends with status 0 only if every invariant held (tests/soak/soak.py).
#
#   tools/soak.sh                              3 minutes
#   tools/soak.sh --seconds 3600 --link tcp    an hour, over UCX
#   tools/soak.sh --help                       all options
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec build/venv/bin/python -m tests.soak.soak "$@"
