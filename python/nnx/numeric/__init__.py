"""NumPy's functions that are compositions of others: integrals and slopes of samples, convolution,
statistics, sets. All have gradients of any order, where there is one.

They are found as functions of nnx, and `np.f(t)` reaches them.

Example:
    >>> nnx.trapezoid([0.0, 1.0, 4.0], dx=0.5).item()
    1.5
"""
