"""PyTorch: tensors in memory, rows shuffled once an epoch, no DataLoader."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from engines.task import Task

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
ACTIVATIONS = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}


def module_of(task: Task) -> torch.nn.Sequential:
    """Return the network with the task's weights."""
    parts: list[torch.nn.Module] = []
    for k, (W, b) in enumerate(task.layers):
        linear = torch.nn.Linear(*W.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W.T))
            linear.bias.copy_(torch.from_numpy(b))
        parts.append(linear)
        if k < len(task.layers) - 1:
            parts.append(ACTIVATIONS[task.activation]())
            if task.recipe["keep_prob"] < 1:
                parts.append(torch.nn.Dropout(1 - task.recipe["keep_prob"]))
    return torch.nn.Sequential(*parts)


def optimizer_of(task: Task, module: torch.nn.Module) -> torch.optim.Optimizer:
    """Return the optimizer, fused, which is the quickest; biases are not decayed."""
    recipe = task.recipe
    groups = [
        {"params": [p for p in module.parameters() if p.ndim == 2], "weight_decay": recipe["l2"]},
        {"params": [p for p in module.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    if recipe["optimizer"] == "adam":
        return torch.optim.Adam(groups, lr=recipe["learning_rate"], fused=True)
    momentum = recipe["momentum"]
    return torch.optim.SGD(groups, lr=recipe["learning_rate"], momentum=momentum, fused=True)


def train(task: Task) -> list[Any]:
    """Run the usual loop."""
    torch.manual_seed(task.recipe["seed"])
    module = module_of(task).train()
    optimizer = optimizer_of(task, module)
    X, y = torch.from_numpy(task.X), torch.from_numpy(task.y)
    orders, batch = torch.from_numpy(task.orders), task.recipe["batch"]
    cross_entropy, mse = torch.nn.functional.cross_entropy, torch.nn.functional.mse_loss
    task.lap()
    for order in orders[: task.epochs]:
        losses = []
        for X_batch, y_batch in zip(X[order].split(batch), y[order].split(batch), strict=True):
            optimizer.zero_grad()
            output = module(X_batch)
            if task.is_regression:
                loss = 0.5 * mse(output, y_batch)
            else:
                loss = cross_entropy(output, y_batch)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        float(torch.stack(losses).mean())
        task.lap()
    linears = [part for part in module if isinstance(part, torch.nn.Linear)]
    return [
        (np.ascontiguousarray(each.weight.detach().numpy().T), each.bias.detach().numpy())
        for each in linears
    ]


def evaluate(task: Task) -> Any:
    """Predict every row, 4096 at a time."""
    module = module_of(task).eval()
    X = torch.from_numpy(task.X)
    task.lap()
    with torch.inference_mode():
        for _ in range(task.epochs):
            out = torch.cat([module(rows) for rows in X.split(4096)])
            if not task.is_regression:
                out = out.softmax(dim=1)
            task.lap()
    return out.numpy()
