"""Figures: curves of a training run, confusion matrix, images. Needs matplotlib.

Colours are those of Okabe and Ito, told apart with every kind of colour vision; matrices run from
white to dark in one hue.

Example:
    >>> from nnx import plot
    >>> plot.PALETTE[0]
    '#0072B2'
"""

from nnx.plot.figures import PALETTE, confusion, curves, images, new_figure

__all__ = ["PALETTE", "confusion", "curves", "images", "new_figure"]
