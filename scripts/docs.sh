#!/usr/bin/env bash
# Builds the documentation site, strict, into build/site. Further arguments go to mkdocs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/venv.sh"
set_up "[docs]"
cd "$root"
mkdocs build --strict --quiet --config-file docs/mkdocs.yml "$@"
echo "build/site/index.html"
