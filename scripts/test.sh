#!/usr/bin/env bash
# Installs nag with its test tools into its own virtual environment and passes the linters and the tests, side by side.
# Tests marked `slow` run with --all only: each of them states on a larger case what a quick one states as well. So does
# the measurement of coverage, since on Python 3.11 it costs more than a tenth of the time; the floor holds for the whole suite.
# Three processes, or TEST_JOBS of them: on two processors the third one fills the time in which tests wait. Further arguments go to pytest, such as: bash scripts/test.sh --all tests/search
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
floor=80
chosen=(-m "not slow")
if [ "${1:-}" = --all ]; then
    shift
    chosen=()
    [ $# -gt 0 ] || chosen=(--cov=nag --cov-report=term:skip-covered --cov-fail-under="$floor")
fi
set_up "[test]"
cd "$root"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
said="$(mktemp)"
trap 'rm -f "$said"' EXIT
bash "$root/scripts/lint.sh" >"$said" 2>&1 &
linter=$!
failed=0
# What tests import is compiled once, beside the linters, rather than by each process at the same time.
[ -d tests/__pycache__ ] || python -m pytest --collect-only >/dev/null 2>&1 || true
python -m pytest -n "${TEST_JOBS:-3}" --dist worksteal "${chosen[@]}" "$@" || failed=$?
wait "$linter" || failed=1
cat "$said"
exit "$failed"
