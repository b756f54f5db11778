"""Solutions to the exercises of 07_vae.ipynb."""

# %% 1  Two normal distributions
def kl_general(mu1, sigma1, mu2, sigma2):
    return np.log(sigma2 / sigma1) + (sigma1**2 + (mu1 - mu2) ** 2) / (2 * sigma2**2) - 0.5


q, p = gauss(z, 0.5, 0.8), gauss(z, -1.0, 2.0)
assert abs((q * np.log((q + 1e-300) / (p + 1e-300))).sum() * dz - kl_general(0.5, 0.8, -1, 2)) < 1e-6

# The wide one often draws where the narrow one says: impossible. That is a great surprise.
narrow_to_wide, wide_to_narrow = kl_general(0, 1, 0, 3), kl_general(0, 3, 0, 1)

# %% 2  The price of information
parts_of, drawings = {}, {}
for beta in (0.1, 1, 5, 50):
    nnx.manual_seed(0)
    model = VAE(10)
    parts_of[beta] = fit(model, epochs=4, beta=beta)[-1]
    drawings[beta] = model.decoder(normal).detach()

fig, axes = plt.subplots(4, 16, figsize=(11, 3.4), layout="constrained")
for row, (beta, pictures) in zip(axes, drawings.items()):
    row[0].text(-6, 14, f"$\\beta={beta}$", ha="right", va="center", fontsize=12)
    nnx.plot.images(pictures, axes=row, shape=(28, 28))


# %% 3  Digits to order
# With ten numbers the code would tell the digit all the same, and the decoder ignore the label.
class ConditionalVAE(VAE):
    def __init__(self, latent):
        super().__init__(latent)
        self.encoder = nn.Sequential(nn.Dense(784 + 10, 256), nn.ReLU())
        self.decoder = nn.Sequential(
            nn.Dense(latent + 10, 256), nn.ReLU(), nn.Dense(256, 784), nn.Sigmoid()
        )

    def forward(self, x, label):
        label = F.one_hot(label, 10).to(x.dtype)
        mu, logvar = self.encode(nnx.concatenate([x, label], 1))
        z = mu + (0.5 * logvar).exp() * nnx.randn_like(mu)
        return self.decoder(nnx.concatenate([z, label], 1)), mu, logvar


nnx.manual_seed(0)
conditional = ConditionalVAE(2)
optimizer = optim.Adam(conditional.parameters(), lr=0.002)
labelled = nnx.data.TensorDataset(x, train.labels[: len(x)])
for epoch in range(6):
    for batch, label in nnx.data.DataLoader(labelled, batch_size=100, shuffle=True):
        loss = sum(terms(batch, *conditional(batch, label)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def draw(digit, n):
    label = F.one_hot(nnx.full((n,), digit), 10).to(nnx.float32)
    with nnx.no_grad():
        return conditional.decoder(nnx.concatenate([nnx.randn(n, 2), label], 1))


nnx.plot.images(nnx.concatenate([draw(digit, 8) for digit in range(10)]), shape=(28, 28), columns=16);
