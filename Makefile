# make demo   set everything up and show the main job      make test   what CI runs
# make bench  the numbers, beside their yardsticks         make format rewrite the code in house style
VENV ?= .venv
PY := $(VENV)/bin/python
# What failed is tried once more, alone: a test that waits for real processes can miss its bound on a busy machine.
AGAIN = $(PY) -m pytest --last-failed --last-failed-no-failures none -m "not exhaustive"

.PHONY: demo test prove bench bench-lan bench-dht dht-growth format lock clean

demo: $(VENV)/.ready
	$(PY) -m scenarios.demo

test: $(VENV)/.ready
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy
	$(PY) -m pytest -n auto --dist worksteal -m "not exhaustive and not netns" --ignore tests/node/web --durations 12 || $(AGAIN)
	$(PY) -m pytest tests/node/web || $(AGAIN)
	$(PY) -m pytest -m "netns and not exhaustive" tests --durations 12 || $(AGAIN)

# The long proofs that make test only samples: more seeds, walks, mutations, power losses, double faults. About half an hour.
prove: $(VENV)/.ready
	$(PY) -m pytest -n auto --dist worksteal -m exhaustive --timeout 1800

bench: $(VENV)/.ready
	$(PY) -m bench

bench-dht: $(VENV)/.ready
	$(PY) -m bench.dht

# Ten thousand simulated nodes; takes minutes.
dht-growth: $(VENV)/.ready
	$(PY) -m scenarios.dht_simulation --reads 300 --svg docs/protocol/dht-growth.svg

format: $(VENV)/.ready
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

# Rewrites the pinned requirements from pyproject.toml; needs pip-tools.
lock:
	pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --no-header -o requirements.txt pyproject.toml
	pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --no-header --allow-unsafe -o requirements-dev.txt requirements-dev.in

$(VENV)/.ready: requirements.txt requirements-dev.txt scripts/setup.sh
	sh scripts/setup.sh $(VENV)

# The LAN, beside serf, syncthing and avahi; as root, about six minutes.
bench-lan: $(VENV)/.ready
	@sh scripts/setup-lan-peers.sh bench
	$(PY) -m bench.lan

clean:
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache
