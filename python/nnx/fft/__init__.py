"""Discrete Fourier transforms, with gradients of any order.

Names and meaning are those of the Python array API standard, of NumPy's numpy.fft and of PyTorch's
torch.fft. The sums are computed by NumPy's pocketfft, in float32 or float64; the gradient of a
transform is one of the others.

Example:
    >>> x = nnx.tensor([1.0, 0.0, -1.0, 0.0])
    >>> nnx.fft.fft(x).real.tolist()
    [0.0, 2.0, 0.0, 2.0]
"""

from nnx.fft.grids import fftfreq, fftshift, ifftshift, rfftfreq
from nnx.fft.transforms import (
    fft,
    fft2,
    fftn,
    hfft,
    ifft,
    ifft2,
    ifftn,
    ihfft,
    irfft,
    irfft2,
    irfftn,
    rfft,
    rfft2,
    rfftn,
)

__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
