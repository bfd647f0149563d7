# Sourced by the other scripts: a virtual environment of this checkout, made once and brought up to date.
# PYTHON names the interpreter (3.10 to 3.13), NAG_VENV the environment's folder.
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
venv="${NAG_VENV:-$root/.venv}"
# Modules are compiled at their first import, kept compiled, and not compiled one and all by pip: most are never imported.
unset PYTHONDONTWRITEBYTECODE
set_up() { # extras, such as "" or "[test]"
    local stamp="$venv/.installed$1" want
    want="$(cat "$root/pyproject.toml" "$root/constraints.txt" | cksum)"
    if [ "$(cat "$stamp" 2>/dev/null)" != "$want" ]; then
        [ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
        echo "Installing nag$1 into $venv ..."
        # The pip that comes with Python 3.10 and 3.11 takes twice the time of a later one to read the index.
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade -c "$root/constraints.txt" pip
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile -c "$root/constraints.txt" -e "$root$1"
        echo "$want" >"$stamp"
    fi
    export PATH="$venv/bin:$PATH"
}
