#!/usr/bin/env bash
# Installs nag with its test tools into its own virtual environment and passes the linters and the tests, side by side.
# Tests marked `slow` run with --all only: each of them states on a larger case what a quick one states as well.
# Two processes, or TEST_JOBS of them. Further arguments go to pytest, such as: bash scripts/test.sh --all tests/search
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
chosen=(-m "not slow")
if [ "${1:-}" = --all ]; then
    shift
    chosen=()
fi
set_up "[test]"
cd "$root"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
said="$(mktemp)"
trap 'rm -f "$said"' EXIT
bash "$root/scripts/lint.sh" >"$said" 2>&1 &
linter=$!
failed=0
python -m pytest -n "${TEST_JOBS:-2}" --dist worksteal "${chosen[@]}" "$@" || failed=$?
wait "$linter" || failed=1
cat "$said"
exit "$failed"
