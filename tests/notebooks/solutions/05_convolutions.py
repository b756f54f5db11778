"""Solutions to the exercises of 05_convolutions.ipynb."""

# %% 1  Your own convolution
def my_conv2d(x, w, stride=1, padding=0, dilation=1):
    x = np.pad(x, padding)
    rows, columns = (size(n, k, stride, 0, dilation) for n, k in zip(x.shape, w.shape))
    high, wide = (dilation * (k - 1) + 1 for k in w.shape)  # what the kernel reaches over
    y = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            a, b = i * stride, j * stride
            y[i, j] = (w * x[a:a + high:dilation, b:b + wide:dilation]).sum()
    return y


# %% 2  The receptive field
# Two neighbours of a layer are j pixels apart. A kernel of k of them reaches over (k - 1) j pixels
# more than one of them does, and its results are s neighbours apart.
def receptive_field(layers):
    r, j = 1, 1
    for k, s in layers:
        r += (k - 1) * j
        j *= s
    return r


nnx.manual_seed(0)
eyes = nn.Sequential(
    nn.Conv2d(1, 1, 5, padding=2), nn.AvgPool2d(2), nn.Conv2d(1, 1, 5), nn.AvgPool2d(2)
)
picture = nnx.rand(1, 1, 28, 28, requires_grad=True)
eyes(picture)[0, 0, 2, 2].backward()
rows_seen = (np.asarray(picture.grad)[0, 0] != 0).any(axis=1).sum()

# %% 3  Small and good
nnx.manual_seed(0)
small = nn.Sequential(
    nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),  # 16 x 3 x 3
    nn.Flatten(), nn.Dense(144, 10),
)
small_accuracy = run(small, epochs=8).evaluate(tested)["accuracy"]
