"""Solutions to the exercises of 02_backpropagation.ipynb."""

# %% 1  A better difference
# The truncation error falls with h^4, so that a larger step will do, and with a larger step less
# is lost by rounding: the best step is about eps^(1/5).
f = lambda x: np.exp(np.sin(x))
fifth = np.abs(
    (f(x0 - 2 * h) - 8 * f(x0 - h) + 8 * f(x0 + h) - f(x0 + 2 * h)) / (12 * h) - exact
)
best_h = h[fifth.argmin()]


# %% 2  The best step
# A step t multiplies a by 1 - tL and b by 1 - t mu. The slower of the two is fastest where both
# have the same size, 1 - t mu = -(1 - tL): t = 2 / (L + mu).
def steps_needed(t, L=1.0, mu=0.05):
    bowl = lambda p: 0.5 * (L * p[0] ** 2 + mu * p[1] ** 2)
    p = nnx.tensor([1.0, 1.0], dtype=nnx.float64, requires_grad=True)
    optimizer = optim.SGD([p], lr=t)
    for step in range(1000):
        height = bowl(p)
        if height.item() < 1e-8:
            return step
        optimizer.zero_grad()
        height.backward()
        optimizer.step()
    return 1000


tried = np.arange(0.1, 1.995, 0.01)
best_t = tried[np.argmin([steps_needed(t) for t in tried])]


# %% 3  Your own autodiff
class Value:
    def __init__(self, data, parents=()):
        self.data = data
        self.grad = 0.0
        self.parents = parents  # pairs (value, derivative of this one in it)

    def __add__(self, other):
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])

    def __mul__(self, other):
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])

    def tanh(self):
        y = np.tanh(self.data)
        return Value(y, [(self, 1 - y**2)])

    def backward(self):
        order, seen = [], set()

        def visit(value):  # parents before children
            if id(value) not in seen:
                seen.add(id(value))
                for parent, _ in value.parents:
                    visit(parent)
                order.append(value)

        visit(self)
        self.grad = 1.0
        for value in reversed(order):  # from the result to the beginning
            for parent, derivative in value.parents:
                parent.grad += value.grad * derivative  # paths add


w, x, b = Value(0.5), Value(2.0), Value(-0.3)
y = (w * x + b).tanh() * w
y.backward()
