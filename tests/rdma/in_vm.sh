#!/usr/bin/env bash
# Runs inside the virtual machine (vm.sh): makes two Soft-RoCE devices on the two ends of a veth
# cable, then runs the transport suite and the service over them. Results go to /run/job.
#
#   in_vm.sh PYTHON PROGRAMS                PROGRAMS: the build folder
#   in_vm.sh PYTHON PROGRAMS faults [ARG…]  instead, the cells of the fault matrix that need RDMA;
#                                           ARG: for pytest
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
python=$1 programs=$2 what=${3:-} status=0

# Devices belong to the first network namespace: this kernel's rdma_rxe has no others.
ulimit -l unlimited
ip link set lo up
ip link add rdma0 type veth peer name rdma1
for n in 0 1; do
  ip link set "rdma$n" mtu 4200 up # RDMA packets of 4 KiB
  rdma link add "rxe$n" type rxe netdev "rdma$n" || exit 1
done
# A device is of use once its link-local address has been tried, and is no longer tentative.
for _ in $(seq 200); do
  ip -6 addr show scope link | grep -q tentative || break
  sleep 0.1
done
# Neighbours that need not be asked for: a queue pair cannot go while one of its packets waits for an
# answer, 3 s when the cable is cut, and its owner waits with it. Networks for RDMA lose none.
for n in 0 1; do
  peer=$((1 - n))
  address=$(ip -6 -o addr show dev "rdma$peer" scope link | sed -n 's|.* inet6 \([^/]*\)/.*|\1|p')
  ip -6 neigh replace "$address" lladdr "$(cat "/sys/class/net/rdma$peer/address")" \
    dev "rdma$n" nud permanent
done
rdma link
# Small receive queues: filling those of 4,096 buffers is most of a worker's start here.
export UCX_RC_VERBS_RX_QUEUE_LEN=256 UCX_UD_VERBS_RX_QUEUE_LEN=256
export UCX_IB_GID_INDEX=0 PEGAFLOW_TEST_RDMA_DEVICES=rxe0:1,rxe1:1

# Without the plugins of other tests, whose imports take minutes here.
export PEGAFLOW_BIN_DIR=$programs PYTHONDONTWRITEBYTECODE=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
pytest() {
  "$python" -m pytest -q -ra -p pytest_timeout --timeout 300 -p no:cacheprovider \
    --basetemp /run/pytest --import-mode importlib --junitxml "/run/job/$1.xml" "${@:2}" || status=1
}

if [ "$what" = faults ]; then
  echo "== fault matrix"
  PEGAFLOW_FAULT_RECORD=/run/job/record.jsonl pytest faults tests/faults/test_matrix.py "${@:4}"
  exit "$status"
fi

echo "== transport suite"
PEGAFLOW_TEST_RDMA_DEVICE=rxe0:1 "$programs/tests/transport/transport_ucx_conformance_test" \
  --gtest_brief=1 --gtest_filter='*RcProcesses*' --gtest_output=xml:/run/job/transport.xml || status=1

echo "== service"
pytest service tests/rdma
exit "$status"
