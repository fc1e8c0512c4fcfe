# The check between two edits: under 90 s, in the environment you work in (CONTRIBUTING.md).
# .ci/run is the whole one: a fresh environment, every test, the core's coverage.

QUICK = tests/test_architecture.py tests/core tests/config tests/journal tests/test_strategies.py \
	tests/cli/test_cli_options.py tests/cli/test_cli_output.py

.PHONY: check tidy

check:
	ruff format --check .
	ruff check .
	mypy
	lint-imports
	TRADEBOT_QUICK=1 pytest -q -n auto -m "not slow" $(QUICK)

tidy:
	ruff format .
	ruff check --fix .
