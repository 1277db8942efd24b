"""A PyTorch network built from a spec alone: its layers, loss, penalties, optimizer and schedule.

Written from the definitions in docs/reference.md with torch.nn.functional, torch.optim and its
schedulers; autograd takes every derivative. Nothing of mlpcli is called. What PyTorch has not, or
has in another form (lion, focal, gamma, Crammer and Singer's margin, max-norm, the corrected mean
of weights), is the formula of its paper. PyTorch is imported where it is used: the test session
need not have it.
"""

from __future__ import annotations

import math

from torch_losses import activate, link_of, row_losses, softplus


def lion(parameters, memory, rate, settings):
    """θ ← θ − λ sign(β₁ m + (1 − β₁) g), m ← β₂ m + (1 − β₂) g. Chen et al., 2023, algorithm 2."""
    import torch

    beta1, beta2 = settings["beta1"], settings["beta2"]
    for p in parameters:
        m = memory.setdefault(p, torch.zeros_like(p))
        p.sub_(rate * torch.sign(beta1 * m + (1 - beta1) * p.grad))
        m.mul_(beta2).add_(p.grad, alpha=1 - beta2)


def torch_optimizer(chosen, decayed, others, l2):
    """Return torch's optimizer of this name; only adamw gets the decay."""
    import torch

    name, optim = chosen["name"], torch.optim
    settings = {
        theirs: chosen[ours]
        for ours, theirs in {
            "learning_rate": "lr",
            "epsilon": "eps",
            "momentum": "momentum",
            "nesterov": "nesterov",
            "centered": "centered",
            "momentum_decay": "momentum_decay",
            "rho": "alpha" if name == "rmsprop" else "rho",
        }.items()
        if ours in chosen
    }
    if "beta1" in chosen:
        settings["betas"] = chosen["beta1"], chosen["beta2"]
    if name == "adamw":
        groups = [{"params": decayed, "weight_decay": l2}, {"params": others, "weight_decay": 0.0}]
        return optim.AdamW(groups, **settings)
    if name == "amsgrad":
        return optim.Adam([*decayed, *others], amsgrad=True, **settings)
    makers = [optim.SGD, optim.Adagrad, optim.RMSprop, optim.Adadelta, optim.Adam, optim.NAdam]
    by_name = {make.__name__.lower(): make for make in makers}
    return by_name[name]([*decayed, *others], **settings)


class Rates:
    """λ(t) / λ of each step: a linear warm-up, then one of torch's schedulers."""

    def __init__(self, chosen, epochs, steps_per_epoch):
        import torch
        from torch.optim import lr_scheduler as lr

        self.steps_per_epoch = steps_per_epoch
        self.n_warm = round(chosen["warmup"] * steps_per_epoch)
        n_steps = max(1, epochs * steps_per_epoch - self.n_warm)
        self.dummy = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        self.name, self.own, each_step = chosen["name"], None, False
        if self.name == "step":
            self.own = lr.StepLR(self.dummy, chosen["every"], chosen["gamma"])
        elif self.name == "exponential":
            self.own = lr.ExponentialLR(self.dummy, chosen["gamma"])
        elif self.name == "inverse_time":
            self.own = lr.LambdaLR(self.dummy, lambda k: 1 / (1 + chosen["decay"] * k))
        elif self.name == "cosine":
            each_step, floor = True, chosen["floor"]
            first = max(1, round(chosen["period"] * steps_per_epoch))
            if chosen["period"]:
                self.own = lr.CosineAnnealingWarmRestarts(
                    self.dummy, first, chosen["growth"], eta_min=floor
                )
            else:
                self.own = lr.CosineAnnealingLR(self.dummy, n_steps, eta_min=floor)
        elif self.name == "one_cycle":
            each_step, rise = True, chosen["rise"]
            if rise * n_steps == 1:  # torch divides by the steps of the rise after the first
                rise = math.nextafter(rise, 0)
            self.own = lr.OneCycleLR(
                self.dummy,
                1.0,
                total_steps=n_steps,
                pct_start=rise,
                div_factor=chosen["div"],
                final_div_factor=chosen["final_div"],
                cycle_momentum=False,
            )
        elif self.name == "plateau":
            self.own = lr.ReduceLROnPlateau(
                self.dummy,
                factor=chosen["factor"],
                patience=chosen["patience"],
                threshold=chosen["threshold"],
                threshold_mode="abs",
                cooldown=chosen["cooldown"],
                min_lr=chosen["floor"],
                eps=0.0,
            )
        elif self.name != "constant":
            raise NotImplementedError(self.name)
        self.dummy.step()  # torch wants one between making a schedule and its first step
        self.every = 1 if each_step else steps_per_epoch
        self.step, self.last = 0, n_steps

    def next(self):
        """Return the factor of the next step."""
        step, self.step = self.step - self.n_warm, self.step + 1
        if step < 0:
            return (step + self.n_warm + 1) / self.n_warm
        if step and self.own is not None and self.name != "plateau" and step % self.every == 0:
            self.own.step()
        return self.dummy.param_groups[0]["lr"]

    def observe(self, figure):
        """Take the figure of the epoch that has ended, unless it began in the warm-up."""
        if self.name == "plateau" and self.step - self.steps_per_epoch >= self.n_warm:
            self.own.step(figure)


class Twin:
    """The network of a spec, and one training of it.

    spec     as plain data, with every setting of its members written out
    task     regression, binary, multiclass or multilabel
    tensors  the beginning: arrays by the names of a model file
    """

    def __init__(self, spec, task, tensors):
        import torch

        # NAdam keeps the product of its momenta in this type, whatever the parameters' type.
        torch.set_default_dtype(torch.float64)
        self.spec = spec
        self.layers = spec["model"]["layers"]
        link = link_of(spec["model"]["loss"]["name"], task)
        output = spec["model"]["output"]
        self.output = {"name": link if output == "auto" else output}
        self.loss = {**spec["model"]["loss"], "task": task, "output": self.output["name"]}
        self.by_link = self.output["name"] == link
        self.tensors = {name: torch.tensor(array) for name, array in tensors.items()}
        self.learned = {n: t for n, t in self.tensors.items() if not _is_measured(n)}
        for tensor in self.learned.values():
            tensor.requires_grad_(True)  # noqa: FBT003
        weights = [f"hidden.{k}.weight" for k, _ in enumerate(self.layers, 1)] + ["output.weight"]
        self.weights = [self.tensors[name] for name in weights]
        self.optimizer = self._optimizer()
        self.memory, self.n_steps = {}, 0
        self.mean = {name: t.detach().clone() for name, t in self.tensors.items()}

    def _optimizer(self):
        chosen = self.spec["training"]["optimizer"]
        if chosen["name"] == "lion":
            return None
        ids = {id(W) for W in self.weights}
        others = [t for t in self.learned.values() if id(t) not in ids]
        return torch_optimizer(chosen, self.weights, others, self.spec["regularization"]["l2"])

    @property
    def model(self):
        """The tensors that are evaluated and kept."""
        return self.mean if self.spec["training"]["weight_averaging"] is not None else self.tensors

    def forward(self, X, tensors, *, training):
        """Return u of the output layer, or ŷ where the output is not the loss's link."""
        from torch.nn import functional

        h = X
        for k, layer in enumerate(self.layers, 1):
            u = h @ tensors[f"hidden.{k}.weight"] + tensors[f"hidden.{k}.bias"]
            own, norm = _inside(tensors, f"hidden.{k}.norm."), layer["norm"]
            if norm is not None and norm["name"] == "batch":
                u = functional.batch_norm(
                    u,
                    own["mean"],
                    own["variance"],
                    own["weight"],
                    own["bias"],
                    training,
                    norm["momentum"],
                    norm["epsilon"],
                )
            elif norm is not None:
                u = functional.layer_norm(
                    u, u.shape[1:], own["weight"], own["bias"], norm["epsilon"]
                )
            h = activate(layer["activation"], u, _inside(tensors, f"hidden.{k}.activation."))
        u = h @ tensors["output.weight"] + tensors["output.bias"]
        if self.by_link:
            return u
        return activate(self.output, u, _inside(tensors, "output.activation."))

    def row_losses(self, u, y):
        """Return each row's loss of what `forward` gave."""
        return row_losses(self.loss, u, y)

    def step(self, X, y, weight, factor, fixed):
        """Take one step; return each row's loss before it.

        fixed  tensors that are not learned here but given, by name, as they are after the step
        """
        import torch

        wanted, training = self.spec["regularization"], self.spec["training"]
        chosen = training["optimizer"]
        decoupled = chosen["name"] in ("adamw", "lion")
        rows = self.row_losses(self.forward(X, self.tensors, training=True), y)
        J = (rows if weight is None else rows * weight).mean()
        for W in self.weights:
            J = J + wanted["l1"] * W.abs().sum()
            J = J if decoupled else J + wanted["l2"] / 2 * W.square().sum()
        for tensor in self.learned.values():
            tensor.grad = torch.zeros_like(tensor)
        J.backward()
        with torch.no_grad():
            self._clip(training["gradient_clipping"])
            rate = chosen["learning_rate"] * factor
            if self.optimizer is None:
                for W in self.weights:
                    W.mul_(1 - rate * wanted["l2"])
                lion(self.learned.values(), self.memory, rate, chosen)
            else:
                for group in self.optimizer.param_groups:
                    group["lr"] = rate
                self.optimizer.step()
            for name, values in fixed.items():
                self.tensors[name].copy_(torch.tensor(values))
            if wanted["max_norm"] is not None:
                for W in self.weights:
                    lengths = torch.linalg.vector_norm(W, dim=0, keepdim=True)
                    W.mul_(torch.clamp(wanted["max_norm"] / lengths, max=1))
            self._average(training["weight_averaging"])
        return rows.detach()

    def _clip(self, clipping):
        """Cut off every entry, then the length of all together."""
        import torch

        grads = [t.grad for t in self.learned.values()]
        if clipping["value"] is not None:
            for g in grads:
                g.clamp_(-clipping["value"], clipping["value"])
        if clipping["norm"] is not None:
            length = torch.linalg.vector_norm(torch.cat([g.flatten() for g in grads]))
            for g in grads:
                g.mul_(torch.clamp(clipping["norm"] / length, max=1))

    def _average(self, decay):
        """θ̄ = Σ_i dᵗ⁻ⁱ θ_i / Σ_i dᵗ⁻ⁱ."""
        if decay is None:
            return
        self.n_steps += 1
        total = sum(decay**i for i in range(self.n_steps))
        for name, mean in self.mean.items():
            mean.mul_(1 - 1 / total).add_(self.tensors[name].detach(), alpha=1 / total)

    def evaluate(self, X, y, weight):
        """Return the mean loss of rows and their ŷ, in the mode of evaluation."""
        import torch

        with torch.no_grad():
            u = self.forward(X, self.model, training=False)
            rows = self.row_losses(u, y)
            loss = rows.mean() if weight is None else (rows * weight).sum() / weight.sum()
            y_hat = activate(self.output, u, {}) if self.by_link else u
            if self.loss["name"] == "gaussian_nll":
                mean, s = u.chunk(2, dim=1)
                y_hat = torch.cat([mean, (self.loss["floor"] + softplus(s)).sqrt()], dim=1)
            return float(loss), y_hat.numpy()

    def arrays(self):
        """Return copies of the model's tensors."""
        return {name: t.detach().numpy().copy() for name, t in self.model.items()}


def _is_measured(name):
    return name.endswith(("norm.mean", "norm.variance"))


def _inside(tensors, prefix):
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
