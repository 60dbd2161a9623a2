# Everything a fresh machine needs (Python 3.11 or newer, make, the package registries) is set up by these targets.
.DEFAULT_GOAL := help
PYTHON ?= python3
BOOT := .venv-boot
UV := $(shell command -v uv 2>/dev/null || echo $(BOOT)/bin/uv)
RUN := .venv/bin/

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

$(BOOT)/bin/uv:
	@$(PYTHON) -m venv $(BOOT) && $(BOOT)/bin/pip install --quiet --disable-pip-version-check 'uv>=0.8,<1'

# Bytecode is compiled once here: a command then starts in a fraction of the time.
.venv/.ready: pyproject.toml uv.lock | $(UV)
	@$(UV) sync --quiet --frozen --extra exporter --extra github-app --group dev --group bench --group cluster --group browser --compile-bytecode
	@touch $@

compiled: .venv/.ready
	@PYTHONDONTWRITEBYTECODE= $(RUN)python -m compileall -q documents events triggers sensors apiserver bus runs dashboards hookline

demo: compiled  ## Show the way from events to Workflows, without a cluster.
	@$(RUN)hookline demo

# Half as many workers again as cores: tests of services wait for one another, and a core that waits is taken by the next.
WORKERS := $(shell expr $$(nproc 2>/dev/null || sysctl -n hw.ncpu) \* 3 / 2)

# pytest rewrites the asserts of every test file; each worker does it anew (3 s) where it may not keep the result.
test: compiled  ## Run all tests; with COVERAGE=1, as CI does, more tries of some, and under branch coverage, which may not fall.
	@PYTHONDONTWRITEBYTECODE= $(if $(COVERAGE),HOOKLINE_THOROUGH=1) $(RUN)pytest -q -n $(WORKERS) --dist worksteal $(if $(COVERAGE),--cov)

check: compiled  ## Lint, formatting, types, import contracts.
	@$(RUN)ruff check .
	@$(RUN)ruff format --check .
	@$(RUN)mypy
	@$(RUN)lint-imports --no-cache

format:  ## Rewrite the code as ruff formats it.
	@$(RUN)ruff check --fix . ; $(RUN)ruff format .

bench: compiled  ## Print speed and memory, beside hera's models.
	@$(RUN)python bench/bench.py
	@PYTHONPATH=. $(RUN)python bench/log_parsing.py
	@PYTHONPATH=. $(RUN)python bench/web.py
	@PYTHONPATH=. $(RUN)python bench/exporter.py
	@PYTHONPATH=. $(RUN)python bench/controller.py

fuzz: compiled  ## Try a million deliveries and declarations that nobody would write; prints what came of them.
	@PYTHONPATH=.:tests $(RUN)python tests/fuzzing.py

# pip-audit asks an advisory service on the internet, so neither `make test` nor `make check` runs it.
audit: $(UV)  ## Look the locked dependencies up in the advisories of PyPI (needs the internet).
	@$(UV) export --quiet --frozen --all-extras --all-groups --no-emit-project --format requirements-txt > .audit.txt
	@$(UV) tool run pip-audit --strict --disable-pip --require-hashes -r .audit.txt; code=$$?; rm -f .audit.txt; exit $$code

browser-test: compiled  ## Look at the exporter's pages in Chromium (Debian package chromium; as root it is installed).
	@command -v chromium >/dev/null || { apt-get -qq update && apt-get -qq -y --no-install-recommends install chromium; } >/dev/null
	@$(RUN)pytest -q tests/browser

prometheus-test: compiled  ## Ask every query of a real Prometheus, test every rule and route (Debian packages prometheus and prometheus-alertmanager; as root they are installed).
	@{ command -v promtool && command -v amtool; } >/dev/null || { apt-get -qq update && apt-get -qq -y --no-install-recommends install prometheus prometheus-alertmanager; } >/dev/null
	@$(RUN)pytest -q tests/prometheus

image-test: compiled  ## Build the image and run it as a pod would (root, Linux; installs podman and mmdebstrap on Debian).
	@{ command -v podman && command -v mmdebstrap; } >/dev/null || { apt-get -qq update && apt-get -qq -y --no-install-recommends install podman runc mmdebstrap; } >/dev/null
	@$(RUN)pytest -q -s tests/image

pictures: compiled  ## Take the pictures of the docs again.
	@$(RUN)python tests/browser/pictures.py

# docs/releasing.md lists the settings of both. Files get the time of the commit, so that two builds give the same.
export BUILDER BASE BUILD_BASE INDEX UV_VERSION IMAGE IMAGE_ARCHIVE IMAGE_FLAGS DIST SOURCE REVISION
wheel: compiled  ## Build the wheel and the source archive into dist/, with checksums.
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 0) $(RUN)python -m hatchling build -d $(or $(DIST),dist)
	@$(RUN)python -m release.checksums

image:  ## Build the image with podman, buildah or docker; list its parts (SBOM) and checksums in dist/.
	@$(PYTHON) -m release.image

# In namespaces of their own; the engines are built once and kept outside the checkout (tests/cluster/README.md).
cluster-test: compiled  ## Prove it on the real engines (root, Linux, Go; builds them once, about 25 min).
	@$(RUN)python tests/cluster/launch.py --with argo-workflows-4 --with gitea $(RUN)python -m pytest -q -s --timeout 900 tests/cluster $(addprefix --ignore ,$(BESIDE))

# These wait for the rounds of controllers, a quarter of an hour in all, or need nothing of the others: beside them they cost no time.
BESIDE = $(addprefix tests/cluster/test_,controller_bus.py differential.py fan_out.py fan_out_executor.py)
controller-test: compiled  ## Prove on the real engines that the controller brings back lost runs and mends the bus, that fan-outs lose none, and that Sensors decide as simulate does (as cluster-test).
	@$(RUN)python tests/cluster/launch.py --with argo-workflows-4 --with gitea $(RUN)python -m pytest -q -s --timeout 900 $(BESIDE)

cluster: compiled  ## Leave the real engines running, with a kubeconfig, until Ctrl-C.
	@$(RUN)python tests/cluster/launch.py $(RUN)python tests/cluster/stay.py

bench-cluster: compiled  ## Print what Sensors cost beside hand-written ones, what schedules cost, how fast a full bus is read, and the exporter beside kube-state-metrics, on the real engines.
	@$(RUN)python tests/cluster/launch.py $(RUN)python tests/cluster/bench.py
	@$(RUN)python tests/cluster/launch.py $(RUN)python tests/cluster/bench_schedules.py
	@$(RUN)python tests/cluster/launch.py $(RUN)python tests/cluster/bench_bus.py
	@$(RUN)python tests/cluster/launch.py --with kube-state-metrics $(RUN)python tests/cluster/bench_exporter.py

# The steps' own scripts in real containers; what they need is made once and kept beside the engines (tests/template/README.md).
template-test: compiled  ## Run the templates' steps for real (root, Linux, Go; makes what they need once, about 8 min).
	@$(RUN)python tests/template/supplies.py
	@$(RUN)python tests/cluster/launch.py --for template $(RUN)python -m pytest -q --timeout 1800 tests/template

bench-template: compiled  ## Print what runs cost with hookline-ci-go and with the stock ci-go-v1, side by side.
	@$(RUN)python tests/template/supplies.py
	@$(RUN)python tests/cluster/launch.py --for template $(RUN)python tests/template/bench.py

# Debian's packages, engines and images of the three suites: then each can start at once, and two beside each other.
engines: compiled  ## Make what the cluster, template and node tests need and what is not kept yet (root, Linux, Go; about 30 min on 2 cores from nothing).
	@$(RUN)python tests/cluster/launch.py --with argo-workflows-4 --with gitea true
	@$(RUN)python tests/template/supplies.py
	@$(RUN)python tests/node/launch.py true

# Kubernetes with real pods: everything from a push to the image in the registry (tests/node/README.md).
node-test: compiled  ## Prove it on a real Kubernetes node (root, Linux, Go; makes what it needs once, about 35 min; then 10 min).
	@$(RUN)python tests/node/launch.py $(RUN)python -m pytest -q -s --timeout 1200 tests/node

node-figures: compiled  ## Print the time from a push to the first container hop by hop, and the memory of hookline's pods, on that node.
	@$(RUN)python tests/node/launch.py $(RUN)python tests/node/figures.py

node: compiled  ## Leave that node running with hookline on it, until Ctrl-C.
	@$(RUN)python tests/node/launch.py $(RUN)python tests/node/stay.py

# A Go program; built once, in a minute, and kept where go keeps its builds.
lint-manifests: compiled  ## Hold what runs as pods against kube-score's rules (Go).
	@PYTHONPATH=.:tests $(RUN)python tests/lint_manifests.py go run github.com/zegl/kube-score/cmd/kube-score@v1.20.0

# Runs of the real controller, for tests and the demo; `make goldens` then makes the demo's day of them.
recordings: compiled  ## Record runs on the real engines again.
	@$(RUN)python tests/cluster/launch.py $(RUN)python tests/cluster/record.py $(HISTORIES)

goldens: compiled  ## Write goldens and generated pages again.
	@HOOKLINE_REGENERATE=1 $(RUN)pytest -q -n 0 tests/test_examples.py tests/test_docs.py tests/hookline/test_bad_input.py tests/runs/exporter/test_recordings.py tests/dashboards

.PHONY: help compiled demo test check format bench fuzz audit wheel image image-test browser-test prometheus-test cluster-test controller-test cluster bench-cluster template-test bench-template engines node-test node-figures node lint-manifests pictures recordings goldens
