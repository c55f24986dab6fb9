#!/bin/busybox sh
# shellcheck shell=dash
# The first process of the virtual machine that vm.sh boots: loads the modules, mounts the host's
# file system read-only with fresh /proc, /sys, /dev, /run over it, runs the job, switches off.
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs devtmpfs /dev
while read -r module; do
  $busybox insmod "/modules/$module" || echo "vm: $module was not loaded"
done </modules/order

options=trans=virtio,version=9p2000.L,msize=524288
$busybox mount -t 9p -o ro,cache=loose,$options host /host || $busybox poweroff -f
$busybox mount -t proc proc /host/proc
$busybox mount -t sysfs sysfs /host/sys
$busybox mount -o bind /dev /host/dev
$busybox ln -s /proc/self/fd /dev/fd
$busybox mkdir -p /dev/shm /dev/pts
$busybox mount -t tmpfs tmpfs /host/dev/shm
$busybox mount -t devpts devpts /host/dev/pts
$busybox mount -t tmpfs tmpfs /host/run
$busybox mkdir /host/run/job
$busybox mount -t 9p -o $options job /host/run/job
$busybox chroot /host /bin/bash /run/job/command
$busybox poweroff -f
