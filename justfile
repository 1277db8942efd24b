# `just` lists these; every line also works typed by hand in an environment with '.[dev]'.

default:
    @just --list

# lint, types, generated pages
check:
    ruff check .
    ruff format --check .
    mypy
    python docs/make_reference.py --check

# the whole test suite
test:
    pytest -n auto

# reports in Chromium (extra `browser`, Debian's chromium, and axe-core from npm); skips say what is missing
browser:
    pytest tests/browser

# gradients of specs drawn at random; faults planted behind all that a training step computes
campaigns:
    python tests/campaigns/gradients.py --specs 2000
    python tests/campaigns/faults.py

# accuracy on the shipped data sets, over five seeds
accuracy:
    python benchmarks/accuracy.py

# what each augmentation and noise does to the test figures, over ten seeds; writes the page
regularization:
    python benchmarks/regularization.py

# what ensembles cost and gain beside one network, and 64 replicas one by one; writes the page
ensembles *options:
    python benchmarks/ensembles.py {{options}}

# speed and memory beside scikit-learn, PyTorch and JAX (extra `bench`); writes the page
bench *options:
    python benchmarks/performance.py {{options}}

# how cost grows with rows, multiply-adds and parameters; writes the page and its plots
scaling *options:
    python benchmarks/scaling.py {{options}}

# test losses on real tables beside scikit-learn, LightGBM, RealMLP and TabM; writes the page
quality *options:
    python benchmarks/quality.py {{options}}

# 25 tables seen for the first time, beside pipelines written by hand; writes the page
first-tables *options:
    python benchmarks/first_tables.py {{options}}

# the same job with scikit-learn, AutoGluon and Ludwig, each in its own environment; writes the page
other-tools *options:
    python benchmarks/other_tools.py {{options}}

# write the generated pages
docs:
    python docs/make_reference.py

# what CI runs: a fresh clone, a fresh environment, the README's own commands
ci:
    bash .ci/run
