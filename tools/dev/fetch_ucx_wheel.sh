#!/usr/bin/env bash
# Unpacks UCX 1.22.0 (headers and libraries, CUDA, no verbs) from its Python wheel into
# build/ucx-1.22 and prints that folder's UCX root: cmake -DUCX_ROOT="$(tools/dev/fetch_ucx_wheel.sh)".
# The download is kept in ~/.cache/pegaflow.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

package=libucx-cu13
version=1.22.0
target=$PWD/build/ucx-1.22
root=$target/libucx
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pegaflow/wheels

if [ ! -f "$target/.complete" ]; then
  mkdir -p "$cache" build
  wheel=$(find "$cache" -name "${package//-/_}-$version-*.whl" -print -quit)
  if [ -z "$wheel" ]; then
    python=build/venv/bin/python
    if [ ! -x "$python" ]; then python=python3; fi
    "$python" -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: \
      -d "$cache" "$package==$version" >&2
    wheel=$(find "$cache" -name "${package//-/_}-$version-*.whl" -print -quit)
  fi
  staging=$(mktemp -d build/ucx-1.22.XXXXXX)
  unzip -q "$wheel" -d "$staging"
  touch "$staging/.complete"
  rm -rf "$target"
  mv "$staging" "$target"
fi
printf '%s\n' "$root"
