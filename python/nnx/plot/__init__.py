"""Figures: training, classifiers, pictures and what networks see in them, latent spaces, fits,
a network's inside and its drawing. Needs matplotlib.

Each function draws on the axes it is given, or makes a figure (of pyplot's, so that a notebook
shows it), and returns the axes. `network` draws SVG and needs nothing.

Colours are those of Okabe and Ito, told apart with every kind of colour vision; matrices run from
white to dark in one hue.

Example:
    >>> from nnx import plot
    >>> plot.PALETTE[0]
    '#0072B2'
"""

from nnx.plot.anomalies import anomaly_scores
from nnx.plot.classification import confusion, decision_boundary, roc
from nnx.plot.drawing import NetworkDrawing, network
from nnx.plot.explanations import occlusion, saliency
from nnx.plot.features import feature_maps, filters
from nnx.plot.fits import fit
from nnx.plot.landscapes import animate, landscape
from nnx.plot.latent import interpolation, latent_scatter, latent_traversal
from nnx.plot.layers import activations, gradient_flow, gradient_histograms, weight_histograms
from nnx.plot.pictures import augmentations, images, reconstructions
from nnx.plot.style import MARKERS, PALETTE, new_figure
from nnx.plot.training import curves, learning_rates, overtraining

__all__ = [
    "MARKERS",
    "PALETTE",
    "NetworkDrawing",
    "activations",
    "animate",
    "anomaly_scores",
    "augmentations",
    "confusion",
    "curves",
    "decision_boundary",
    "feature_maps",
    "filters",
    "fit",
    "gradient_flow",
    "gradient_histograms",
    "images",
    "interpolation",
    "landscape",
    "latent_scatter",
    "latent_traversal",
    "learning_rates",
    "network",
    "new_figure",
    "occlusion",
    "overtraining",
    "reconstructions",
    "roc",
    "saliency",
    "weight_histograms",
]
