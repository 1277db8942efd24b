"""Specs that ask for too much."""

from hostile import DATA, DONE, MEMORY, SPEC, case, interrupt, small, with_training

# ------------------------------------------------------------ specs


SPECS = {
    "a layer of 10^9 units": (SPEC, "model: {layers: [{units: 1000000000}]}"),
    "layers of 10^6 units": (
        MEMORY,
        "model: {layers: [{units: 1000000}, {units: 1000000}]}",
    ),
    "200 layers of 10,000 units": (
        MEMORY,
        f"model: {{layers: [{'{units: 10000}, ' * 200}]}}",
    ),
    "1000 layers of 10^6 units": (
        MEMORY,
        f"model: {{layers: [{'{units: 1000000}, ' * 1000}]}}",
    ),
    "10,000 layers": (SPEC, f"model: {{layers: [{'{units: 9}, ' * 10_000}]}}"),
    "10^18 rows a step": (DONE, "training: {epochs: 1, batch_size: 1000000000000000000}"),
    "10^30 rows a step": (DONE, f"training: {{epochs: 1, batch_size: 1{'0' * 30}}}"),
    "10^9 replicas": (SPEC, "ensemble: {kind: seeds, replicas: 1000000000}"),
    "10,000 wide replicas": (
        MEMORY,
        "model: {layers: [{units: 3000}, {units: 3000}]}\nensemble: {kind: seeds, replicas: 10000}",
    ),
    "10,000 wide members": (
        MEMORY,
        "model: {layers: [{units: 9000}, {units: 9000}]}\nensemble: {kind: tabm, replicas: 10000}",
    ),
    "an embedding of 1024 × 1024": (
        DONE,
        "model: {embedding: {name: periodic, frequencies: 1024, units: 1024}}",
    ),
    "λ of 10^400": (SPEC, f"training: {{optimizer: {{name: sgd, learning_rate: 1{'0' * 400}}}}}"),
    "λ of 10^300": (SPEC, "training: {epochs: 1, optimizer: {name: sgd, learning_rate: 1e300}}"),
    "a seed of 10^40": (SPEC, f"seed: 1{'0' * 40}"),
    "patience of 10^40": (
        DONE,
        f"training: {{epochs: 1, early_stopping: {{patience: 1{'0' * 40}}}}}",
    ),
    "10^40 threads": (DONE, f"runtime: {{threads: 1{'0' * 40}}}"),
    "memory of 10^17 TB": (DONE, "runtime: {memory: 99999999999999999TB}"),
    "checkpoints every 10^300 s": (DONE, "runtime: {checkpoint_seconds: 1e300}"),
}
for _what, (_code, _text) in SPECS.items():

    @case(f"spec with {_what}", _code)
    def _(folder, text=_text):
        return (
            small(folder, "" if text.startswith("training") else text)
            if not text.startswith("training")
            else with_training(folder, text)
        )


@case("spec with 10^18 epochs, SIGTERM", 143, -15, during=interrupt(15, 2.5))
def _(folder):
    text = "training: {epochs: 1000000000000000000, early_stopping: null}"
    return with_training(folder, text)


@case("spec with images of 10^5 × 10^5", DATA, SPEC)
def _(folder):
    return small(folder, data=", image: {height: 100000, width: 100000}")


@case("spec with images of 10^6 × 10^6", SPEC)
def _(folder):
    return small(folder, data=", image: {height: 1000000, width: 1000000}")


@case("spec nested 10^5 deep", SPEC)
def _(folder):
    return small(folder, "model: " + "[" * 100_000)


@case("spec of 2^18 commas", SPEC)
def _(folder):
    return small(folder, "model: [" + "a," * 130_000 + "]")


@case("spec with 25,000 keys", SPEC)
def _(folder):
    return small(folder, "".join(f"a{k}: 1\n" for k in range(25_000)))


@case("spec with a sweep of 10^12 trials", SPEC)
def _(folder):
    sweep = "sweep: {method: grid, parameters: {" + ", ".join(
        f"{key}: {{log_uniform: [0.001, 1], steps: 10000}}"
        for key in ("regularization.l2", "regularization.l1", "training.optimizer.learning_rate")
    )
    return small(folder, sweep + "}}", verb="sweep")


def many_set(n, text):
    return [word for _ in range(n) for word in ("--set", text)]


@case("--set of 100 kB", DONE, SPEC)
def _(folder):
    return small(folder, "", "--set", "data.exclude=[" + "a," * 60_000 + "]")


@case("1,000 times --set", DONE, SPEC)
def _(folder):
    return small(folder, "", *many_set(1000, "training.epochs=1"))
