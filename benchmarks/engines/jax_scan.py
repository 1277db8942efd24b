"""JAX: one jitted scan over the batches of an epoch; of a stack of networks, `vmap` of it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from engines.task import Task

ACTIVATIONS = {"relu": jax.nn.relu, "tanh": jnp.tanh}


def forward(layers: Any, X: Any, activation: Any, keep_prob: float = 1.0, key: Any = None) -> Any:
    """Return the last layer's u, with dropout where there is any."""
    h = X
    for k, (W, b) in enumerate(layers):
        h = h @ W + b
        if k < len(layers) - 1:
            h = activation(h)
            if keep_prob < 1:
                mask = jax.random.bernoulli(jax.random.fold_in(key, k), keep_prob, h.shape)
                h = jnp.where(mask, h / keep_prob, 0)
    return h


def loss_of(task: Task) -> Any:
    """Return J of a batch as a function of the weights."""
    activation, keep_prob = ACTIVATIONS[task.activation], task.recipe["keep_prob"]
    is_regression = task.is_regression

    def loss(layers: Any, X: Any, y: Any, key: Any) -> Any:
        u = forward(layers, X, activation, keep_prob, key)
        if is_regression:
            return 0.5 * jnp.mean((u - y) ** 2)
        picked = jnp.take_along_axis(u, y[:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(u, axis=1) - picked)

    return loss


def move_of(recipe: dict[str, Any]) -> Any:
    """Return (layers, gradient, state) → (layers, state); the state is (t, m, v)."""
    rate, l2, mu = recipe["learning_rate"], recipe["l2"], recipe["momentum"]

    def sgd(layers: Any, grad: Any, state: Any) -> Any:
        t, m, v = state
        if mu:
            m = grad = jax.tree.map(lambda each, g: mu * each + g, m, grad)
        return jax.tree.map(lambda p, g: p - rate * g, layers, grad), (t, m, v)

    def adam(layers: Any, grad: Any, state: Any) -> Any:
        t, m, v = state
        t = t + 1
        m = jax.tree.map(lambda each, g: 0.9 * each + 0.1 * g, m, grad)
        v = jax.tree.map(lambda each, g: 0.999 * each + 0.001 * g * g, v, grad)
        of_mean, of_square = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)

        def move(p: Any, mean: Any, square: Any) -> Any:
            return p - rate * of_mean * mean / (jnp.sqrt(square * of_square) + 1e-8)

        return jax.tree.map(move, layers, m, v), (t, m, v)

    step = adam if recipe["optimizer"] == "adam" else sgd

    def decayed(layers: Any, grad: Any, state: Any) -> Any:
        if l2:
            grad = [(dW + l2 * W, db) for (dW, db), (W, _) in zip(grad, layers, strict=True)]
        return step(layers, grad, state)

    return decayed


def epoch_of(task: Task) -> Any:
    """Return the epoch: (layers, state, key, X, y, order) → (layers, state, key, mean loss).

    Each step of the scan gathers its rows: a shuffled copy of all rows, made before it, takes up
    to a tenth longer for one network, and a fifth for 64 lanes of 64-128-10.
    """
    gradient, move = jax.value_and_grad(loss_of(task)), move_of(task.recipe)
    n_steps, batch = task.n_steps, task.recipe["batch"]
    whole = n_steps * batch

    def epoch(layers: Any, state: Any, key: Any, X: Any, y: Any, order: Any) -> Any:
        def step(carry: Any, rows: Any) -> Any:
            layers, state, key = carry
            key, own = jax.random.split(key) if task.recipe["keep_prob"] < 1 else (key, key)
            loss, grad = gradient(layers, X[rows], y[rows], own)
            layers, state = move(layers, grad, state)
            return (layers, state, key), loss

        batches = order[:whole].reshape(n_steps, batch)
        carry, losses = jax.lax.scan(step, (layers, state, key), batches)
        if whole < len(task.X):
            carry, _ = step(carry, order[whole:])
        return *carry, jnp.mean(losses)

    return jax.vmap(epoch, in_axes=(0, 0, 0, None, None, 0)) if task.lanes else epoch


def train(task: Task) -> list[Any]:
    """Compile first, outside the timed epochs; the whole process has it in it."""
    lane_shape = (task.lanes,) if task.lanes else ()
    layers: Any = [(jnp.array(W), jnp.array(b)) for W, b in task.layers]
    state: Any = (
        jnp.zeros(lane_shape),
        jax.tree.map(jnp.zeros_like, layers),
        jax.tree.map(jnp.zeros_like, layers),
    )
    # JAX's usual generator: here its others (rbg, unsafe_rbg) take twice as long.
    key: Any = jax.random.split(jax.random.key(task.recipe["seed"]), lane_shape)
    y = task.y if task.is_regression else task.y.astype(np.int32)
    X, y = jnp.array(task.X), jnp.array(y)
    orders = [jnp.array(order.astype(np.int32)) for order in task.orders[: task.epochs]]
    # The memory of parameters, state and key is given to the epoch for its results.
    epoch = jax.jit(epoch_of(task), donate_argnums=(0, 1, 2))
    run = epoch.lower(layers, state, key, X, y, orders[0]).compile()
    task.lap()
    for order in orders:
        layers, state, key, loss = run(layers, state, key, X, y, order)
        jax.block_until_ready((layers, loss))
        task.lap()
    return [(np.asarray(W), np.asarray(b)) for W, b in layers]


def evaluate(task: Task) -> Any:
    """Predict all rows in one jitted call."""
    activation = ACTIVATIONS[task.activation]
    layers = [(jnp.array(W), jnp.array(b)) for W, b in task.layers]

    def predict(X: Any) -> Any:
        out = forward(layers, X, activation)
        return out if task.is_regression else jax.nn.softmax(out)

    X = jnp.array(task.X)
    run = jax.jit(predict).lower(X).compile()
    task.lap()
    for _ in range(task.epochs):
        out = jax.block_until_ready(run(X))
        task.lap()
    return np.asarray(out)
