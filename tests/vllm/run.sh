#!/usr/bin/env bash
# Tests with the real vLLM; see setup.sh for what is installed where.
#
#   tests/vllm/run.sh [pytest arguments]      programs: $PEGAFLOW_BIN_DIR, or build/dev
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
venv=$(bash tests/vllm/setup.sh | tail -n 1)
# Not installed into the environment, which other checkouts share.
site=build/vllm/site
rm -rf build/vllm && mkdir -p build/vllm
"$venv/bin/python" -m pip wheel -q --disable-pip-version-check --no-deps -w build/vllm ./python
"$venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --no-compile \
  --target "$site" build/vllm/pegaflow_ucx-*.whl
export PYTHONPATH=$PWD/$site PEGAFLOW_BIN_DIR=${PEGAFLOW_BIN_DIR:-$PWD/build/dev}
exec "$venv/bin/python" -m pytest -q -ra --timeout 1200 --import-mode importlib \
  ${RESULTS:+--junitxml "$RESULTS/pytest.xml"} tests/vllm "$@"
