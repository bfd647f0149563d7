# Five verbs. PYTHON names the interpreter (3.10 to 3.13).
.PHONY: setup test lint docs bench
SUITE ?= generation

setup: # the environment of the tests in .venv, and the checks before each commit
	bash -c '. scripts/venv.sh && set_up "[test]" && pre-commit install'

test: # linters and tests; `bash scripts/test.sh --all` runs the slow ones too
	bash scripts/test.sh

lint: # ruff and mypy
	bash scripts/lint.sh

docs: # the site, into build/site
	bash scripts/docs.sh

bench: # one benchmark suite in minutes: make bench SUITE=search
	bash -c '. scripts/venv.sh && set_up "[test]" && nag benchmark suite=$(SUITE) preset=quick out_dir=runs/bench/$(SUITE)'
