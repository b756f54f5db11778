"""Solutions to the exercises of 03_sine_fit.ipynb."""


# %% 1  Tell it what you know
class Periodic(nn.Module):
    def forward(self, x):
        return nnx.concatenate([x.sin(), x.cos()], axis=1)


nnx.manual_seed(0)
periodic_model = nn.Sequential(Periodic(), nn.Dense(2, 10), nn.Tanh(), nn.Dense(10, 1))
train(periodic_model, X, nnx.exp(nnx.sin(X)), 10_000, lr=0.005)

elsewhere = nnx.linspace(2 * np.pi, 4 * np.pi, 200).reshape(200, 1)
with nnx.no_grad():
    largest_error = (periodic_model(elsewhere) - nnx.exp(nnx.sin(elsewhere))).abs().max().item()

# %% 2  How many neurons?
# One tanh is one step. The sine goes up, down and up: two broad steps nearly do, three do.
loss_of = {}
for n in (1, 2, 3, 5, 10):
    nnx.manual_seed(0)
    network_of_n = nn.Sequential(nn.Dense(1, n), nn.Tanh(), nn.Dense(n, 1))
    loss_of[n] = train(network_of_n, X, Y, 10_000, lr=0.005)[-1]

# %% 3  A damped oscillation
rng = np.random.default_rng(0)
time = np.linspace(0, 15, 150)
voltage = 2 * np.exp(-time / 5) * np.sin(3 * time) + rng.normal(0, 0.1, 150)
time, voltage = nnx.asarray(time), nnx.asarray(voltage)


def damped_chi2(theta):
    A, tau, omega = theta
    curve = A * nnx.exp(-time / tau) * nnx.sin(omega * time)
    return (((voltage - curve) / 0.1) ** 2).sum()


damped = Minuit(
    lambda theta: damped_chi2(nnx.asarray(theta)).item(),
    np.array([1.5, 4.0, 2.9]),
    grad=lambda theta: np.asarray(nnx.grad(damped_chi2)(nnx.asarray(theta))),
    name=["A", "tau", "omega"],
)
damped.errordef = Minuit.LEAST_SQUARES
damped.migrad()
damped.hesse()
# From omega = 2 it ends in another valley: chi2 has one for each way to count periods wrongly.
