#!/usr/bin/env bash
# Installs nag into its own virtual environment and runs the whole path once on a real task.
# Further arguments go to `nag quickstart`, such as: bash scripts/quickstart.sh task=nas_bench_graph/physics
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
set_up "[report,benchmarks]"
nag quickstart "$@"
