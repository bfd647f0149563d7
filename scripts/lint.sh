#!/usr/bin/env bash
# Checks style, format and types: ruff and mypy, in the environment of the tests.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
set_up "[test]"
cd "$root"
ruff check .
ruff format --check .
mypy
