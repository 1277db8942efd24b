"""A step of training in plain Python, from what an explanation is given: no array library.

Its inputs are those of `mlp explain --json`: rows, parameters, masks, settings. What it returns are
the numbers of every symbol that an explanation shows.
"""

import math

LOWER = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
UPPER = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

VALUE = {
    "tanh": math.tanh,
    "relu": lambda u: max(u, 0.0),
    "sigmoid": lambda u: 1 / (1 + math.exp(-u)),
    "identity": lambda u: u,
}
SLOPE = {
    "tanh": lambda u: 1 - math.tanh(u) ** 2,
    "relu": lambda u: float(u > 0),
    "sigmoid": lambda u: math.exp(-u) / (1 + math.exp(-u)) ** 2,
    "identity": lambda _: 1.0,
}


def matmul(a, b):
    return [
        [sum(x * y for x, y in zip(row, column, strict=True)) for column in zip(*b, strict=True)]
        for row in a
    ]


def transposed(a):
    return [list(column) for column in zip(*a, strict=True)]


def each(function, *matrices):
    return [
        [function(*xs) for xs in zip(*rows, strict=True)] for rows in zip(*matrices, strict=True)
    ]


def sub(*numbers):
    return "".join(str(n) for n in numbers).translate(LOWER)


class Step:
    """The step; `numbers` has each symbol's number, those of the new parameters behind `←`."""

    def __init__(self, document):
        self.given = document
        self.numbers, self.new = {}, {}
        self.parameters = document["parameters"]
        self.names = document["layers"]
        self.n = len(document["arrays"]["X"])
        self.regularization = document["regularization"]
        self._forward(document["arrays"]["X"])
        self._loss()
        self._backward()
        self._update()

    # ------------------------------------------------------------ forward

    def put(self, symbol, matrix):
        for d, row in enumerate(matrix, 1):
            for j, x in enumerate(row, 1):
                self.numbers[symbol + sub(d, j)] = x

    def letters(self, k):
        last = k == len(self.names)
        upper = f"⁽{k}⁾".translate(UPPER)
        return ("U", "c", upper) if last else (f"W{upper}", f"b{upper}", upper)

    def _forward(self, X):
        arrays = self.given["arrays"]
        self.put("x", X)
        self.put("y", arrays["y"])
        h, self.below, self.layers = X, [], []
        for k, name in enumerate(self.names, 1):
            W, b = (self.parameters[f"{name}.{word}"] for word in ("weight", "bias"))
            w_letter, b_letter, upper = self.letters(k)
            self.put(w_letter, W)
            self.numbers |= {b_letter + sub(j): x for j, x in enumerate(b, 1)}
            self.below.append(h)
            u = [[x + y for x, y in zip(row, b, strict=True)] for row in matmul(h, W)]
            self.put(f"u{upper}", u)
            layer = {"u": u}
            if f"{name}.norm.weight" in self.parameters:
                u = self._normalized(name, upper, u, layer)
            self.layers.append(layer)
            layer["argument"] = u
            if name == "output":
                break
            f = self.given["activations"][k - 1]
            h = each(VALUE[f], u)
            self.put(f"h{upper}", h)
            letter = "y" if f"{name}.norm.weight" in self.parameters else "u"
            for d in range(self.n):
                for j in range(len(b)):
                    symbol = f"f'({letter}{upper}{sub(d + 1, j + 1)})"
                    self.numbers[symbol] = SLOPE[f](u[d][j])
            if f"{name}.mask" in arrays:
                mask = arrays[f"{name}.mask"]
                assert {x for row in mask for x in row} <= {
                    0.0,
                    65536 / round(65536 * self.keep(k)),
                }
                self.put(f"m{upper}", mask)
                h = each(lambda x, m: x * m, h, mask)
                self.put(f"h̃{upper}", h)
        self.u = u

    def keep(self, k):
        return self.keep_probs[k - 1]

    keep_probs = (0.5, 0.5)

    def _normalized(self, name, upper, u, layer):
        gamma, beta = (self.parameters[f"{name}.norm.{word}"] for word in ("weight", "bias"))
        columns = transposed(u)
        m = [sum(c) / self.n for c in columns]
        q = [sum((x - mean) ** 2 for x in c) / self.n for c, mean in zip(columns, m, strict=True)]
        z = [math.sqrt(x + 1e-5) for x in q]
        u_hat = [[(x - a) / c for x, a, c in zip(row, m, z, strict=True)] for row in u]
        y = [[g * x + b for x, g, b in zip(row, gamma, beta, strict=True)] for row in u_hat]
        self.put(f"û{upper}", u_hat)
        self.put(f"y{upper}", y)
        for j in range(len(m)):
            self.numbers |= {f"m{sub(j + 1)}": m[j], f"q{sub(j + 1)}": q[j]}
            self.numbers[f"γ{upper}{sub(j + 1)}"] = gamma[j]
            self.numbers[f"β{upper}{sub(j + 1)}"] = beta[j]
        layer |= {"u_hat": u_hat, "z": z, "gamma": gamma}
        return y

    # ------------------------------------------------------------ the loss

    def _loss(self):
        y, loss = self.given["arrays"]["y"], self.given["loss"]
        if loss == "cross_entropy":
            rows = [[math.exp(x) for x in row] for row in self.u]
            self.y_hat = [[x / sum(row) for x in row] for row in rows]
            losses = [
                -math.log(sum(p * t for p, t in zip(*pair, strict=True)))
                for pair in zip(self.y_hat, y, strict=True)
            ]
        elif loss == "binary_cross_entropy":
            self.y_hat = each(VALUE["sigmoid"], self.u)
            losses = [
                -math.log(p if t else 1 - p) for (p,), (t,) in zip(self.y_hat, y, strict=True)
            ]
        else:
            self.y_hat = self.u
            losses = [
                sum((p - t) ** 2 for p, t in zip(*pair, strict=True)) / 2
                for pair in zip(self.y_hat, y, strict=True)
            ]
        self.put("ŷ", self.y_hat)
        self.numbers |= {f"ℓ{sub(d)}": x for d, x in enumerate(losses, 1)}
        self.J = self.numbers["J"] = sum(losses) / self.n
        alpha = self.regularization["l2"]
        squares = sum(
            x * x for name in self.names for row in self.parameters[f"{name}.weight"] for x in row
        )
        self.P = self.numbers["P"] = alpha / 2 * squares

    # ------------------------------------------------------------ backward

    def _backward(self):
        y = self.given["arrays"]["y"]
        self.gradient = {}
        delta = each(lambda p, t: (p - t) / self.n, self.y_hat, y)
        for k in range(len(self.names), 0, -1):
            name, (w_letter, b_letter, upper) = self.names[k - 1], self.letters(k)
            layer = self.layers[k - 1]
            if name != "output":
                delta = self._through(name, k, upper, layer, delta)
            self.put(f"δ{upper}", delta)
            dW = self.gradient[f"{name}.weight"] = matmul(transposed(self.below[k - 1]), delta)
            db = self.gradient[f"{name}.bias"] = [sum(c) for c in transposed(delta)]
            self.put(f"∂J/∂{w_letter}", dW)
            self.numbers |= {f"∂J/∂{b_letter}{sub(j)}": x for j, x in enumerate(db, 1)}
            delta = matmul(delta, transposed(self.parameters[f"{name}.weight"]))

    def _through(self, name, k, upper, layer, back):
        """δ of a hidden layer: through the mask, f and a normalization."""
        mask = self.given["arrays"].get(f"{name}.mask")
        if mask is not None:
            back = each(lambda x, m: x * m, back, mask)
        f = self.given["activations"][k - 1]
        delta = each(lambda u, x: SLOPE[f](u) * x, layer["argument"], back)
        if "u_hat" not in layer:
            return delta
        self.put(f"∂J/∂y{upper}", delta)
        hats, n = layer["u_hat"], self.n
        d_gamma = [sum(c) for c in transposed(each(lambda x, h: x * h, delta, hats))]
        d_beta = [sum(c) for c in transposed(delta)]
        self.gradient |= {f"{name}.norm.weight": d_gamma, f"{name}.norm.bias": d_beta}
        a = [[x * g for x, g in zip(row, layer["gamma"], strict=True)] for row in delta]
        means = [sum(c) / n for c in transposed(a)]
        products = [sum(c) / n for c in transposed(each(lambda x, h: x * h, a, hats))]
        for j in range(len(means)):
            self.numbers[f"∂J/∂γ{upper}{sub(j + 1)}"] = d_gamma[j]
            self.numbers[f"∂J/∂β{upper}{sub(j + 1)}"] = d_beta[j]
            self.numbers[f"ā{sub(j + 1)}"] = means[j]
            self.numbers[f"a̅û{sub(j + 1)}"] = products[j]
        columns = zip(*map(transposed, (a, hats)), means, products, layer["z"], strict=True)
        return transposed(
            [
                [(x - mean - h * product) / z for x, h in zip(xs, hs, strict=True)]
                for xs, hs, mean, product, z in columns
            ]
        )

    # ------------------------------------------------------------ the update

    def _entries(self):
        """Yield the symbol, value and gradient of each parameter, and whether it decays."""
        for k, name in enumerate(self.names, 1):
            w_letter, b_letter, upper = self.letters(k)
            for i, row in enumerate(self.parameters[f"{name}.weight"]):
                for j, x in enumerate(row):
                    g = self.gradient[f"{name}.weight"][i][j]
                    yield (f"{name}.weight", i, j), w_letter + sub(i + 1, j + 1), x, g, True
            vectors = [("bias", b_letter), ("norm.weight", f"γ{upper}"), ("norm.bias", f"β{upper}")]
            for word, letter in vectors:
                for j, x in enumerate(self.parameters.get(f"{name}.{word}", [])):
                    g = self.gradient[f"{name}.{word}"][j]
                    yield (f"{name}.{word}", j), letter + sub(j + 1), x, g, False

    def _update(self):
        optimizer = self.given["optimizer"]
        rate, settings = optimizer["learning_rate"], optimizer["settings"]
        alpha, t = self.regularization["l2"], optimizer["step"]
        self.after = {}
        for place, symbol, theta, gradient, decays in self._entries():
            g, new = gradient, self.new
            if decays:
                g += alpha * theta
                self.numbers[f"g({symbol})"] = g
            before = {
                name: self._carried(f"before.{name}", place)
                for name in ("m", "v")
                if f"before.{name}" in optimizer["state"]
            }
            d = g
            if optimizer["name"] == "adam":
                m = settings["beta1"] * before["m"] + (1 - settings["beta1"]) * g
                v = settings["beta2"] * before["v"] + (1 - settings["beta2"]) * g * g
                m_hat, v_hat = m / (1 - settings["beta1"] ** t), v / (1 - settings["beta2"] ** t)
                new |= {f"m({symbol})": m, f"v({symbol})": v}
                self.numbers |= {f"m̂({symbol})": m_hat, f"v̂({symbol})": v_hat}
                d = m_hat / (math.sqrt(v_hat) + settings["epsilon"])
            elif settings["momentum"]:
                d = new[f"v({symbol})"] = settings["momentum"] * before["v"] + g
            new[symbol] = self.after[place] = theta - rate * d

    def _carried(self, key, place):
        found = self.given["optimizer"]["state"][key][place[0]]
        for k in place[1:]:
            found = found[k]
        return found
