"""Trainings of the models on MNIST, with the numbers they are to reach.

Each is a program, `python -m nnx.models.recipes.lenet5 --epochs 10 --seed 0 --output pictures`,
and a function, `nnx.models.recipes.lenet5.run(epochs=10)`, that returns what it prints. All take
`limit`, how many training images are used.

| recipe | what it trains | reaches |
|---|---|---|
| lenet5 | LeNet-5 | 99.2 to 99.3 % of the test images with seeds 0 to 4 |
| lenet5 --best | the same, longer and with moved images | 99.5 and 99.4 % with seeds 0 and 1 |
| vae | the dense VAE 784-400-20 | a test loss of 105.7 nats after 10 epochs |
| conv_vae | the convolutional VAE | 103.0 nats after 10 epochs |
| pretrain | the convolutional VAE of `ConvVAE.pretrained()` | the file in the package |
| anomaly | a VAE of one digit, which tells the others from it | areas over 0.997 for digit 1 |
| latent2 | an autoencoder with two latent numbers | 83 % by neighbours in the plane |
| overtraining | one network seven ways on 1000 images | 88 to 94 % of the test images |

Example:
    >>> from nnx.models.recipes import lenet5
    >>> lenet5.run(epochs=1, limit=256, verbose=False)["test_accuracy"] > 0.1
    True
"""
