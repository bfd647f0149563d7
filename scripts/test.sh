#!/usr/bin/env bash
# Installs nag with its test tools into its own virtual environment and passes the linters and the tests.
# Two processes, or TEST_JOBS of them. Further arguments go to pytest, such as: bash scripts/test.sh -m "not slow"
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
set_up "[test]"
cd "$root"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
ruff check .
ruff format --check .
mypy
python -m pytest -n "${TEST_JOBS:-2}" --dist worksteal "$@"
