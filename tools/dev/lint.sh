#!/usr/bin/env bash
# All linters, the same here and in CI. Runs every one of them, then fails if any found something.
#
#   lint.sh            everything
#   lint.sh NAME…      these: format tidy headers layers shell spelling python
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2

bin=build/venv/bin
line_length=100

# Files that git knows or would add, by pattern.
files() { git ls-files --cached --others --exclude-standard --deduplicate -- "$@" | existing; }
existing() { while IFS= read -r file; do if [ -f "$file" ]; then printf '%s\n' "$file"; fi; done; }

lint_format() {
  files '*.h' '*.cc' '*.cu' '*.cuh' | xargs -r clang-format-19 --dry-run -Werror
}

configure() {
  local log=build/logs/lint-configure.log
  cmake --preset lint >"$log" 2>&1 || { cat "$log"; return 1; }
}

# Not the tests, which would double its time: tidy.py build/lint tests
lint_tidy() {
  configure && python3 tools/dev/tidy.py build/lint src tools examples bench
}

lint_headers() {
  configure && cmake --build build/lint --target all_verify_interface_header_sets
}

lint_layers() { python3 tools/dev/check_layers.py; }

lint_shell() {
  { files '*.sh'; files '.ci/run'; } | sort -u | xargs -r shellcheck
}

lint_spelling() { files | grep -v -E '\.(png|svg|bin|jsonl)$|/corpus/|^LICENSE$' | xargs -r codespell; }

lint_python() {
  local sources
  mapfile -t sources < <(files '*.py' '*.pyi')
  "$bin/black" --quiet --check --diff --line-length "$line_length" "${sources[@]}" &&
    "$bin/flake8" --max-line-length "$line_length" --extend-ignore E203,E704 "${sources[@]}" &&
    "$bin/mypy" --strict tools/dev &&
    if [ -d python/pegaflow ]; then "$bin/mypy" --strict python/pegaflow; fi
}

linters=("$@")
if [ $# = 0 ]; then linters=(format layers shell spelling python headers tidy); fi
mkdir -p build/logs
failed=()
for linter in "${linters[@]}"; do
  echo "== $linter"
  started=$SECONDS
  "lint_$linter" || failed+=("$linter")
  echo "-- $linter: $((SECONDS - started)) s"
done
if [ ${#failed[@]} != 0 ]; then
  echo "lint: findings of: ${failed[*]}"
  exit 1
fi
echo "lint: clean"
