"""Figures: training, classifiers, fits, a network's inside and its drawing. Needs matplotlib.

Each function draws on the axes it is given, or makes a figure (of pyplot's, so that a notebook
shows it), and returns the axes. `network` draws SVG and needs nothing.

Colours are those of Okabe and Ito, told apart with every kind of colour vision; matrices run from
white to dark in one hue.

Example:
    >>> from nnx import plot
    >>> plot.PALETTE[0]
    '#0072B2'
"""

from nnx.plot.classification import confusion, decision_boundary, images, roc
from nnx.plot.drawing import NetworkDrawing, network
from nnx.plot.fits import fit
from nnx.plot.landscapes import animate, landscape
from nnx.plot.layers import activations, gradient_flow, gradient_histograms, weight_histograms
from nnx.plot.style import MARKERS, PALETTE, new_figure
from nnx.plot.training import curves, learning_rates, overtraining

__all__ = [
    "MARKERS",
    "PALETTE",
    "NetworkDrawing",
    "activations",
    "animate",
    "confusion",
    "curves",
    "decision_boundary",
    "fit",
    "gradient_flow",
    "gradient_histograms",
    "images",
    "landscape",
    "learning_rates",
    "network",
    "new_figure",
    "overtraining",
    "roc",
    "weight_histograms",
]
