"""Activations and losses of the PyTorch twin, from their definitions; see torch_twin.py."""

from __future__ import annotations

import math

STRAIGHT_FROM = 60.0  # of exp, which goes on along its tangent
LINKS = {
    "binary_cross_entropy": "sigmoid",
    "cross_entropy": "softmax",
    "poisson": "exponential",
    "gamma": "exponential",
}


def softplus(u):
    """log(1 + exp(u)); torch's own is a straight line above 20, wrong in the ninth digit."""
    import torch

    return torch.logaddexp(u, torch.zeros_like(u))


def exponential(u):
    """exp(u), along its tangent above 60."""
    import torch

    low, beyond = torch.clamp(u, max=STRAIGHT_FROM), torch.clamp(u - STRAIGHT_FROM, min=0)
    return torch.exp(low) * (1 + beyond)


def hard_sigmoid(u):
    """min(max(u + 3, 0), 6) / 6; the derivative of torch's own is 1/6 in float32, off by 3e-8."""
    import torch

    return torch.clamp(u + 3, 0, 6) / 6


def activate(chosen, u, own):
    """Return f(u); `own` holds what the activation learns."""
    import torch
    from torch.nn import functional

    plain = {
        "relu": functional.relu,
        "selu": functional.selu,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "softsign": functional.softsign,
        "hard_sigmoid": hard_sigmoid,
        "hard_tanh": functional.hardtanh,
        "softplus": softplus,
        "gelu": functional.gelu,
        "silu": functional.silu,
        "mish": functional.mish,
        "exponential": exponential,
        "identity": lambda u: u,
    }
    name = chosen["name"]
    if name == "softmax":
        return functional.softmax(u, dim=-1)
    if name == "leaky_relu":
        return functional.leaky_relu(u, chosen.get("slope", 0.01))
    if name == "elu":
        return functional.elu(u, chosen.get("alpha", 1.0))
    if name == "prelu":
        return functional.prelu(u, *own.values())
    return plain[name](u)


def link_of(loss, task):
    """Return the output activation that belongs to a loss."""
    if loss == "focal":
        return "softmax" if task == "multiclass" else "sigmoid"
    return LINKS.get(loss, "identity")


def smoothed(y, epsilon, n_classes):
    """y ← (1 − ε) y + ε/K."""
    return (1 - epsilon) * y + epsilon / n_classes


def residuals(loss, u, y):
    """½ r², |r| and what lies between, r = ŷ − y."""
    import torch
    from torch.nn import functional

    if loss["name"] == "mse":
        return (u - y).square() / 2
    if loss["name"] == "mae":
        return functional.l1_loss(u, y, reduction="none")
    if loss["name"] == "huber":
        return functional.huber_loss(u, y, reduction="none", delta=loss["delta"])
    return torch.logaddexp(u - y, y - u) - math.log(2)


def quantile(loss, u, y):
    """max(q r, (q − 1) r), r = y − ŷ, a block of outputs for each level q."""
    import torch

    q = torch.tensor(loss["levels"], dtype=u.dtype)[:, None]
    below = y[:, None, :] - u.reshape(len(u), len(q), y.shape[1])
    return torch.maximum(q * below, (q - 1) * below).flatten(1)


def gaussian_nll(loss, u, y):
    """½ (log v + r²/v), the means before the s of v = floor + softplus(s)."""
    from torch.nn import functional

    mean, s = u.chunk(2, dim=1)
    variance = loss["floor"] + softplus(s)
    return functional.gaussian_nll_loss(mean, y, variance, eps=1e-300, reduction="none")


def poisson(loss, u, y):
    """μ − y log μ."""
    return u - y * u.log() if loss["output"] == "softplus" else exponential(u) - y * u


def gamma(loss, u, y):
    """y/μ + log μ."""
    return y / u + u.log() if loss["output"] == "softplus" else y * exponential(-u) + u


def binary_cross_entropy(loss, u, y):
    """−y log σ(u) − (1 − y) log σ(−u)."""
    from torch.nn import functional

    soft = smoothed(y, loss["label_smoothing"], 2)
    return functional.binary_cross_entropy_with_logits(u, soft, reduction="none")


def cross_entropy(loss, u, y):
    """−Σ_k y_k log softmax(u)_k."""
    from torch.nn import functional

    epsilon = loss["label_smoothing"]
    return functional.cross_entropy(u, y, reduction="none", label_smoothing=epsilon)[:, None]


def hinge(loss, u, y):
    """max(0, 1 − s u), s = 2y − 1; of many classes max(0, 1 + max_{k ≠ y} u_k − u_y)."""
    import torch

    if loss["task"] != "multiclass":
        return torch.clamp(1 - (2 * y - 1) * u, min=0)
    others = u.masked_fill(y > 0, -math.inf).max(dim=1).values
    return torch.clamp(1 + others - (u * y).sum(1), min=0)[:, None]


def focal(loss, u, y):
    """−a (1 − p)^γ log p of each label, times what y gives it. Lin et al., 2017, 3."""
    import torch
    from torch.nn import functional

    power, alpha, epsilon = (loss[key] for key in ("gamma", "alpha", "label_smoothing"))
    if loss["task"] == "multiclass":
        log_p = functional.log_softmax(u, dim=1)
        alone = torch.eye(u.shape[1], dtype=torch.bool)
        others = u[:, None, :].expand(-1, u.shape[1], -1).masked_fill(alone, -math.inf)
        log_rest = torch.logsumexp(others, dim=2) - torch.logsumexp(u, dim=1, keepdim=True)
        return smoothed(y, epsilon, u.shape[1]) * -torch.exp(power * log_rest) * log_p
    log_p, log_rest = functional.logsigmoid(u), functional.logsigmoid(-u)
    yes, no = -torch.exp(power * log_rest) * log_p, -torch.exp(power * log_p) * log_rest
    if alpha is not None:
        yes, no = alpha * yes, (1 - alpha) * no
    y = smoothed(y, epsilon, 2)
    return y * yes + (1 - y) * no


LOSSES = {
    "mse": residuals,
    "mae": residuals,
    "huber": residuals,
    "log_cosh": residuals,
    "quantile": quantile,
    "gaussian_nll": gaussian_nll,
    "poisson": poisson,
    "gamma": gamma,
    "binary_cross_entropy": binary_cross_entropy,
    "cross_entropy": cross_entropy,
    "focal": focal,
    "hinge": hinge,
}


def row_losses(loss, u, y):
    """Return each row's loss, (N,): the sum over its outputs.

    loss  the settings with the name, the task and the output activation
    u     (N, outputs) what the last affine map gave, or ŷ where the output is not the loss's link
    y     (N, targets) of numbers, or of indicators of classes, which may be mixtures
    """
    return LOSSES[loss["name"]](loss, u, y).sum(dim=1)
