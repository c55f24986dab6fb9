#!/usr/bin/env bash
# PegaFlow over InfiniBand verbs: boots a virtual machine with Soft-RoCE devices (vm.sh) and runs
# the transport suite and the whole service in it (in_vm.sh). JUnit files go to $RESULTS. Where no
# such machine can be made, one case is reported as skipped, with the reason.
#
#   run.sh [BUILD_FOLDER]          default: build/dev, with all programs built
#   run.sh BUILD_FOLDER faults [ARG…]   instead, the fault matrix's cells for RDMA; their times are
#                                  appended to $PEGAFLOW_FAULT_RECORD; ARG: for pytest (-k rdma-cut)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
programs=$(realpath "${1:-build/dev}")
what=${2:-}
files=(transport service)
if [ "$what" = faults ]; then files=(faults); fi
results=${RESULTS:-build/results/rdma}
limit=1200 # seconds; a few minutes on a quiet machine
mkdir -p "$results"

skip() {
  echo "rdma: SKIPPED: $1" >&2
  local reason=${1//&/and}
  reason=${reason//[<>\"]/\'}
  cat >"$results/rdma.xml" <<XML
<testsuite name="rdma" tests="1" skipped="1">
  <testcase classname="rdma" name="virtual_machine"><skipped message="$reason"/></testcase>
</testsuite>
XML
  exit 0
}

job=$(mktemp -d)
trap 'rm -rf "$job"' EXIT
status=0
bash tests/rdma/vm_image.sh >"$job/image" 2>"$job/why" || status=$?
if [ "$status" = 3 ]; then skip "$(tail -1 "$job/why")"; fi
if [ "$status" != 0 ]; then cat "$job/why" >&2; exit "$status"; fi

bash tests/rdma/vm.sh "$job" "$limit" bash "$PWD/tests/rdma/in_vm.sh" \
  "$PWD/build/venv/bin/python" "$programs" "$what" "${@:3}" || status=$?
if [ -n "${PEGAFLOW_FAULT_RECORD:-}" ] && [ -s "$job/record.jsonl" ]; then
  cat "$job/record.jsonl" >>"$PEGAFLOW_FAULT_RECORD"
fi
for file in "${files[@]}"; do
  if [ ! -s "$job/$file.xml" ]; then
    echo "rdma: the machine wrote no results of: $file" >&2
    status=1
    continue
  fi
  cp "$job/$file.xml" "$results/"
done
exit "$status"
