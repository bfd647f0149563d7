#!/usr/bin/env bash
# Checks nag on a GPU and writes docs/results/gpu.json and gpu.md, in under 6 minutes. Two calls:
#
#   bash scripts/gpu.sh pack DATA_DIR    where there is a network: makes the folder .gpu (ignored by git, under 64 MiB) with
#                                        the wheels that the GPU machine lacks and the table that the check needs
#   bash scripts/gpu.sh [OPTIONS]        on the GPU machine, which needs no network; OPTIONS: see scripts/gpu_check.py --help
#
# The GPU machine has Python 3.12, torch with CUDA, torch-geometric, lightning, scikit-learn, pandas, safetensors,
# pytest. PYTHON names the interpreter. Without a GPU the same runs on the CPU with smaller sizes, and the record says so.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python="${PYTHON:-python3}"
folder="$root/.gpu"
missing=(annotated-types hydra-core lightgbm lightning-fabric lightning-utilities omegaconf pydantic pydantic-core sqlalchemy tenacity typing-extensions typing-inspection)
pure=(antlr4-python3-runtime) # published without a wheel
limit=$((64 * 1024))

pinned() { # NAME...: the same with the versions of constraints.txt
    local name
    for name in "$@"; do grep -i "^$name==" "$root/constraints.txt"; done
}

pack() { # DATA_DIR
    local platforms=() number size
    for number in 39 35 34 31 28 27 24 17 12 5; do platforms+=(--platform "manylinux_2_${number}_x86_64"); done
    for number in 2014 2010 1; do platforms+=(--platform "manylinux${number}_x86_64"); done
    rm -rf "$folder"
    mkdir -p "$folder/wheels" "$folder/data"
    # shellcheck disable=SC2046
    "$python" -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp "${platforms[@]}" \
        -d "$folder/wheels" $(pinned "${missing[@]}")
    # shellcheck disable=SC2046
    "$python" -m pip wheel -q --no-deps -w "$folder/wheels" $(pinned "${pure[@]}")
    cp "$1/nasbench201.csv.gz" "$folder/data/"
    size=$(du -sk "$folder" | cut -f1)
    echo "$folder: $size KiB"
    [ "$size" -le "$limit" ] || { echo "error: more than $limit KiB" >&2; exit 1; }
}

run() { # OPTIONS of gpu_check.py
    site="$(mktemp -d)"
    trap 'rm -rf "$site"' EXIT
    if ls "$folder"/wheels/*.whl >/dev/null 2>&1; then
        "$python" -m pip install -q --disable-pip-version-check --no-index --no-deps --no-compile --no-cache-dir \
            --target "$site" "$folder"/wheels/*.whl
    fi
    mkdir "$site/nag" # the packages nag.conf and nag.search_spaces are folders of their own in the checkout
    ln -s "$root"/nag/* "$site/nag/"
    ln -s "$root/conf" "$root/search_spaces" "$site/nag/"
    export PYTHONPATH="$site" PYTHONSAFEPATH=1 PYTHONUNBUFFERED=1 # safe: the checkout's own folder nag lacks those two
    export NAG_DATA_DIR="${NAG_DATA_DIR:-$folder/data}" OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
    "$python" "$root/scripts/gpu_check.py" "$@"
}

case "${1:-}" in
pack)
    [ $# -eq 2 ] || { echo "usage: bash scripts/gpu.sh pack DATA_DIR" >&2; exit 2; }
    pack "$2"
    ;;
*) run "$@" ;;
esac
