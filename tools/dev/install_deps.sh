#!/usr/bin/env bash
# Installs what PegaFlow is built and tested with, on Debian 12 and Ubuntu 24.04.
# Says what it installs, and does nothing where all of it is there.
#
#   install_deps.sh           compiler, libraries, a Python environment in build/venv
#   install_deps.sh --full    also what tools/test.sh --full needs (clang 19, linters, qemu …)
#   install_deps.sh --list    prints the Debian packages, installs nothing (with --full: all)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build_packages=(
  g++ cmake ninja-build ccache pkg-config git ca-certificates
  libucx-dev                          # UCX: the transport
  nlohmann-json3-dev libcpp-httplib-dev libssl-dev zlib1g-dev libbrotli-dev
  libspdlog-dev libcli11-dev prometheus-cpp-dev
  libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev
  iproute2                            # tests: hosts as network namespaces
  python3 python3-dev python3-venv
)
full_packages=(
  clang-19 libclang-rt-19-dev llvm-19 # second compiler, sanitizers and their symbols, fuzzers
  clang-tidy-19 clang-format-19
  shellcheck codespell
  systemd                             # systemd-analyze: checks the units in deploy/
  unzip                               # unpacks the second UCX
  binutils gcc libnuma1               # the real vLLM, for tests
  valgrind                            # counts instructions
  qemu-system-x86 busybox-static cpio kmod rdma-core ibverbs-providers  # RDMA in a virtual machine
)

full=0
list=0
for argument in "$@"; do
  case $argument in
    --full) full=1 ;;
    --list) list=1 ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done

packages=("${build_packages[@]}")
if [ "$full" = 1 ]; then packages+=("${full_packages[@]}"); fi
if [ "$list" = 1 ]; then printf '%s\n' "${packages[@]}"; exit 0; fi

# The packages of the list that dpkg does not have.
missing_packages() {
  local have
  have=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${packages[@]}" 2>/dev/null |
    sed -n 's/^installed //p') || true
  comm -23 <(printf '%s\n' "${packages[@]}" | sort -u) <(sort -u <<<"$have")
}

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "install_deps: not root and no sudo; run as root: $*" >&2
    return 1
  fi
}

install_packages() {
  if ! command -v apt-get >/dev/null; then
    echo "install_deps: no apt-get here; install the equivalents of these Debian packages:" \
      "${packages[*]}" >&2
    exit 1
  fi
  local missing
  mapfile -t missing < <(missing_packages)
  if [ ${#missing[@]} = 0 ]; then
    echo "install_deps: all ${#packages[@]} packages are installed"
    return
  fi
  echo "install_deps: installing ${missing[*]}"
  local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
  as_root "${apt[@]}" update
  as_root "${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null
}

# One virtual environment; made anew when a requirement file changes.
install_python() {
  local venv=build/venv stamp=build/venv/requirements.sha256 files=() digest
  for file in tools/dev/requirements.txt tests/python/requirements.txt; do
    if [ -f "$file" ]; then files+=("$file"); fi
  done
  digest=$(cat "${files[@]}" | sha256sum)
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ]; then
    echo "install_deps: the Python environment in $venv is up to date"
    return
  fi
  echo "install_deps: Python environment in $venv from ${files[*]}"
  python3 -m venv "$venv"
  "$venv/bin/python" -m pip install -q --disable-pip-version-check --retries 5 "${files[@]/#/-r}"
  printf '%s\n' "$digest" >"$stamp"
}

install_packages
install_python
