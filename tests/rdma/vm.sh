#!/usr/bin/env bash
# Runs a bash script in a small virtual machine with the distribution's kernel, which has Soft-RoCE
# (rdma_rxe) where the host's may not. The machine sees the host's files read-only under the same
# paths; /run is memory of its own, and /run/job is FOLDER, for results. Software emulation: KVM may
# be there and hang.
#
#   vm.sh FOLDER SECONDS COMMAND [ARGUMENT…]
#
# Exit status: the command's; 124 when the time is over; 3 when no machine can be made (see
# vm_image.sh); 4 when the machine ended without an answer.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -ge 3 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1 limit=$2
shift 2

image=$(bash "$here/vm_image.sh")
rm -f "$folder/status"
{
  echo 'export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  echo 'export HOME=/run TMPDIR=/run LC_ALL=C.UTF-8'
  printf '%q ' "$@"
  echo
  # shellcheck disable=SC2016  # expanded in the machine
  echo 'echo $? >/run/job/status; sync'
} >"$folder/command"

status=0
timeout --foreground -k 5 "$limit" qemu-system-x86_64 \
  -accel tcg,thread=multi -cpu max -smp 2 -m 2048 -no-reboot \
  -display none -monitor none -serial stdio \
  -kernel "$image/kernel" -initrd "$image/initrd" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off" \
  -virtfs local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap \
  -virtfs "local,path=$folder,mount_tag=job,security_model=none" </dev/null || status=$?
[ "$status" != 124 ] || { echo "vm: ended after its limit of $limit s" >&2; exit 124; }
[ -s "$folder/status" ] || { echo "vm: ended without an answer" >&2; exit 4; }
exit "$(cat "$folder/status")"
