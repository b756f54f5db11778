"""The loss of variational autoencoders."""

from __future__ import annotations

from nnx import _check
from nnx import _nnx as ops
from nnx._errors import describe, fail
from nnx._nnx import ArgumentError, ShapeError, Tensor
from nnx.nn.functional.arguments import check_reduction, floating, pair, same_shape
from nnx.nn.functional.losses import binary_cross_entropy

LIKELIHOODS = ("bernoulli", "gaussian")


def vae_loss(
    reconstruction: Tensor,
    x: Tensor,
    mu: Tensor,
    logvar: Tensor,
    beta: float = 1.0,
    reduction: str = "sum",
    likelihood: str = "bernoulli",
    from_logits: bool = False,
) -> Tensor:
    """-log p(x | z) + beta KL(q || p), the negative evidence lower bound for beta = 1, in nats.

    Bernoulli: -log p = -sum [x log r + (1 - x) log(1 - r)], r the reconstruction. Gaussian of
    variance 1: sum (x - r)^2 / 2, without the constant. q is normal with mean mu and variance
    exp(logvar), p with 0 and 1: KL = sum [mu^2 + exp(logvar) - 1 - logvar] / 2.

    Args:
        reconstruction: what the decoder gives: probabilities, or logits with `from_logits`.
        x: what was encoded.
        mu, logvar: what the encoder gives.
        beta: the weight of the divergence; above 1 for codes whose numbers mean separate things.
        reduction: "sum" over all samples, "mean" over samples of the sums of each, "none" for one
            number a sample.
        likelihood: "bernoulli" for pixels in [0, 1], "gaussian" for any numbers.
        from_logits: whether the reconstruction is what comes before a sigmoid.

    Shapes: reconstruction and x (N, ...), mu and logvar (N, latent); one number, or (N,).
    Dtypes: floating, all the same.
    Raises: ArgumentError for pixels outside [0, 1] with likelihood="bernoulli", ShapeError for
        unequal shapes, DTypeError for unequal dtypes.
    Source: Kingma, Welling, arXiv:1312.6114; beta: Higgins et al., ICLR 2017.

    Example:
        >>> x, mu = nnx.ones((2, 3)), nnx.zeros((2, 4))
        >>> loss = nn.functional.vae_loss(nnx.full((2, 3), 0.5), x, mu, mu)
        >>> round(float(loss), 4)  # 2 * 3 * log 2
        4.1589
    """
    op = "vae_loss"
    check_reduction(op, reduction)
    _check.choice(op, "likelihood", likelihood, LIKELIHOODS)
    beta = _check.real(op, "beta", beta, 0)
    r, t = pair(op, reconstruction, x)
    m, v = floating(op, "mu", mu), floating(op, "logvar", logvar)
    same_shape(op, mu=m, logvar=v)
    if not r.ndim or not m.ndim or len(m) != len(r):
        rule = "mu and logvar must have as many rows as there are samples"
        raise fail(ShapeError, op, rule, f"{describe(r, 'reconstruction')}, {describe(m, 'mu')}")
    if likelihood == "bernoulli":
        _check_pixels(op, t)
    each = "none" if reduction == "none" else "sum"
    if likelihood == "gaussian":
        if from_logits:
            rule = 'from_logits goes with likelihood="bernoulli"'
            raise fail(ArgumentError, op, rule)
        loss = 0.5 * ops.mse_loss(r, t, each)
    elif from_logits:
        loss = ops.bce_with_logits(r, t, each)
    else:
        loss = binary_cross_entropy(r, t, None, each)
    divergence = 0.5 * (m * m + v.exp() - 1 - v)
    if reduction == "none":
        return _by_sample(loss) + beta * _by_sample(divergence)
    total = loss + beta * divergence.sum()
    return total if reduction == "sum" else total / len(r)


def _by_sample(each: Tensor) -> Tensor:
    return each if each.ndim == 1 else each.flatten(1).sum(1)


def _check_pixels(op: str, x: Tensor) -> None:
    if not x.numel():
        return
    low, high = float(x.detach().amin()), float(x.detach().amax())
    if low >= 0 and high <= 1:
        return
    if low != low:
        hint = "x has NaN; look for missing values in the data"
    elif low >= 0 and high <= 255:
        hint = "divide pixels by 255"
    else:
        hint = 'leave out their normalisation, or take likelihood="gaussian" and no sigmoid'
    rule = "with a Bernoulli likelihood x must be in [0, 1]"
    received = f"{describe(x, 'x')} with values from {low:.6g} to {high:.6g}"
    raise fail(ArgumentError, op, rule, received, hint)
