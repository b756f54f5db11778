"""Solutions to the exercises of 06_autoencoders.ipynb."""

# %% 1  How many numbers does a digit need?
error_of = {}
for k in (2, 4, 8, 16):
    model = make_conv(k)
    train_on(model, x, x, epochs=4)
    error_of[k] = error(model)

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.loglog(error_of.keys(), error_of.values(), "o-", color=blue, label="autoencoder")
ax.loglog(error_of.keys(), [pca_error(k) for k in error_of], "s--", color=orange, label="PCA")
ax.set(xlabel="numbers", ylabel="mean squared error")
ax.legend(frameon=False)
pca_numbers = next(k for k in range(784) if pca_error(k) <= error_of[8])


# %% 2  Labels are expensive
def accuracy(known, asked):
    known, asked = (np.asarray(a).reshape(len(a), -1) for a in (known, asked))
    distances = np.stack([np.linalg.norm(asked - a, axis=1) for a in known], axis=1)
    answers = np.asarray(labels[:100])[distances.argmin(axis=1)]
    return (answers == np.asarray(labels_test)).mean()


with nnx.no_grad():
    accuracy_codes = accuracy(conv.encoder(x[:100]), conv.encoder(x_test))
accuracy_pixels = accuracy(x[:100], x_test)


# %% 3  Which digit is hardest to guard against?
def auc(of_anomalies, of_zeros):
    return (of_anomalies[:, None] > of_zeros).mean()


digit_of = np.asarray(labels_test)
auc_of = {k: auc(scores[digit_of == k], scores[digit_of == 0]) for k in range(1, 10)}

found = {}
for k in (2, 8):
    guard = make_conv(k)
    train_on(guard, zeros, zeros, epochs=25, batch_size=25)
    tried = score(x_test)
    found[k] = auc(tried[digit_of != 0], tried[digit_of == 0])
best_k = max(found, key=found.get)
best_auc = found[best_k]
