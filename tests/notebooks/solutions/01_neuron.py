"""Solutions to the exercises of 01_neuron.ipynb; each part goes into the cell of its number."""

# %% 1  XOR without learning
w_or, b_or = np.array([10.0, 10.0]), -5.0
w_nand, b_nand = np.array([-10.0, -10.0]), 15.0


def xor(x):
    both = np.stack([neuron(x, w_or, b_or), neuron(x, w_nand, b_nand)], axis=1)
    return neuron(both, w, b)


# %% 2  Many steps of the worked example
model = nn.Sequential(nn.Dense(2, 2), nn.Sigmoid(), nn.Dense(2, 2), nn.Sigmoid()).double()
with nnx.no_grad():
    for layer, weight, bias in ((model[0], W1, b1), (model[2], W2, b2)):
        layer.weight.copy_(weight)
        layer.bias.fill_(bias)

optimizer = optim.SGD([model[0].weight, model[2].weight], lr=0.5)  # the biases stay as they are
for _ in range(10_000):
    error = 0.5 * ((model(nnx.tensor(x)) - nnx.tensor(t)) ** 2).sum()
    optimizer.zero_grad()
    error.backward()
    optimizer.step()

o_trained = np.asarray(model(nnx.tensor(x)).detach())
E_trained = 0.5 * ((o_trained - t) ** 2).sum()


# %% 3  A better error
def steps_needed(error_of):
    model = nn.Sequential(nn.Dense(2, 4), nn.Sigmoid(), nn.Dense(4, 1), nn.Sigmoid()).double()
    with nnx.no_grad():
        for parameter, value in zip(model.parameters(), start):
            parameter.copy_(value)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    for step in range(60_000):
        output = model(X_nnx)
        if float((output - y_nnx).abs().max()) < 0.1:
            return step
        optimizer.zero_grad()
        error_of(output, y_nnx).backward()
        optimizer.step()


steps_mse = steps_needed(lambda o, t: 0.5 * ((o - t) ** 2).sum())
steps_bce = steps_needed(lambda o, t: nn.functional.binary_cross_entropy(o, t, reduction="sum"))
