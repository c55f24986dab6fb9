#!/usr/bin/env bash
# Prepares what vm.sh boots: the distribution's kernel and a small initial file system with the
# modules for Soft-RoCE. Kept in the user's cache folder, made anew when a newer kernel is packaged.
#
#   vm_image.sh      prints the folder with `kernel` and `initrd`
#
# Exit status 3: it cannot be made on this machine; the last line on stderr says why.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/pegaflow/rdma-vm

cannot() { echo "$*" >&2; exit 3; }

for tool in qemu-system-x86_64:qemu-system-x86 busybox:busybox-static cpio:cpio depmod:kmod \
  apt-get:apt dpkg-deb:dpkg; do
  PATH=$PATH:/usr/sbin:/sbin command -v "${tool%:*}" >/dev/null ||
    cannot "${tool%:*} is missing (package ${tool#*:}; tools/dev/install_deps.sh --full)"
done
PATH=$PATH:/usr/sbin:/sbin
[ "$(uname -m)" = x86_64 ] || cannot "the virtual machine is for x86_64, this is $(uname -m)"

newest_kernel_package() {
  apt-cache depends linux-image-amd64 2>/dev/null |
    sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -1
}

# The image of the package is unpacked, never installed.
package=$(newest_kernel_package)
if [ -z "$package" ]; then
  # Without package lists, or on another distribution: what an earlier run left will do.
  package=$(find "$cache" -maxdepth 1 -name 'linux-image-*' -printf '%f\n' 2>/dev/null | sort | tail -1)
  [ -n "$package" ] || cannot "apt knows no package linux-image-amd64 (Debian; apt-get update)"
fi
image=$cache/$package
version=${package#linux-image-}
recipe=$(cat "${BASH_SOURCE[0]}" "$here/vm_init.sh" | sha256sum)
if [ "$(cat "$image/recipe" 2>/dev/null)" = "$recipe" ]; then echo "$image"; exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work" # apt fetches as a user of its own
(cd "$work" && apt-get -q -o Acquire::Retries=3 download "$package") >"$work/log" 2>&1 ||
  cannot "apt-get download $package failed: $(tail -1 "$work/log")"
dpkg-deb -x "$work/$package"_*.deb "$work/root"
depmod -b "$work/root" "$version"

mkdir -p "$work"/initrd/{bin,dev,host,modules,proc,sys}
cp "$(command -v busybox)" "$work/initrd/bin/busybox"
cp "$here/vm_init.sh" "$work/initrd/init"
chmod 755 "$work/initrd/init"
# In the order in which they must be loaded; rdma_rxe wants a provider of crc32 to be there.
for module in crc32_generic virtio_pci 9pnet_virtio 9p veth ib_uverbs rdma_ucm rdma_rxe; do
  modprobe -d "$work/root" -S "$version" --show-depends "$module" |
    sed -n 's/^insmod \([^ ]*\).*/\1/p'
done | awk '!seen[$0]++' >"$work/modules"
while read -r file; do
  cp "$file" "$work/initrd/modules/"
  basename "$file"
done <"$work/modules" >"$work/initrd/modules/order"

mkdir -p "$image"
(cd "$work/initrd" && find . | cpio --quiet -o -H newc | gzip -1) >"$image/initrd.new"
cp "$work/root/boot/vmlinuz-$version" "$image/kernel"
mv "$image/initrd.new" "$image/initrd"
echo "$recipe" >"$image/recipe"
echo "$image"
