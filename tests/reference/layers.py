"""Every layer, activation, loss and function, written for either library: `lib` is nnx or torch.

A case is a way to build a function of tensors and the arrays to call it with: `edges`, at which
values and first derivatives must be PyTorch's (kinks and bounds are among them), and `smooth`, at
which derivatives can be compared with differences. make.py stores what PyTorch answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import windows

Array = np.ndarray


@dataclasses.dataclass(frozen=True)
class Case:
    build: Callable[[Any], Any]
    edges: Sequence[Array]
    smooth: Sequence[Array] | None = None  # the edges, unless given

    def inputs(self, smooth: bool = False) -> Sequence[Array]:
        return self.smooth if smooth and self.smooth is not None else self.edges


def data(seed: int, *shape: int, low: float = -1.5, high: float = 1.5) -> Array:
    return np.random.default_rng(seed).uniform(low, high, shape)


def tensor(lib: Any, a: Array, dtype: str) -> Any:
    """Floats in the dtype and with a gradient, integers as they are."""
    if a.dtype.kind != "f":
        return lib.tensor(a)
    return lib.tensor(a).to(getattr(lib, dtype)).requires_grad_()


def prepared(lib: Any, f: Any, dtype: str) -> Any:
    """A module in the dtype, with the same parameters in both libraries."""
    if not isinstance(f, lib.nn.Module):
        return f
    f = f.to(getattr(lib, dtype))
    with lib.no_grad():
        for i, p in enumerate(f.parameters()):
            values = data(100 + i, *p.shape) if p.ndim else np.array(0.4)
            p.copy_(lib.tensor(values).to(getattr(lib, dtype)))
    return f


def run(lib: Any, name: str, dtype: str) -> dict[str, Array]:
    """Value, gradients in inputs and parameters of a weighted sum, and what the module keeps."""
    case = CASES[name]
    f = prepared(lib, case.build(lib), dtype)
    tensors = [tensor(lib, a, dtype) for a in case.inputs()]
    y = f(*tensors)
    found = {"y": y}
    if y.requires_grad:
        weights = lib.tensor(data(9, *y.shape, low=0.5)).to(y.dtype)
        (y * weights).sum().backward()
        found |= {f"d{i}": t.grad for i, t in enumerate(tensors) if t.grad is not None}
    if isinstance(f, lib.nn.Module):
        found |= {f"grad.{n}": p.grad for n, p in f.named_parameters() if p.grad is not None}
        found |= dict(f.state_dict())
    return {k: np.asarray(v.detach().to(lib.float64).numpy()) for k, v in found.items()}


# Kinks of the activations, and what lies around and far from them.
NEAR = [0, 1e-8, 0.1, 0.5, 0.7, 1, 2, 3]
LINE = np.array([-300, -30, -8, -6, -2.5, *(-x for x in NEAR), *NEAR[1:], 5.5, 6, 8, 30, 300])
SMOOTH = data(1, 4, 3, low=-4, high=4)
ROWS = data(2, 5, 4, low=-3, high=3)

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "relu": lambda nn: nn.ReLU(),
    "relu6": lambda nn: nn.ReLU6(),
    "leaky_relu": lambda nn: nn.LeakyReLU(0.1),
    "prelu": lambda nn: nn.PReLU(init=0.3),
    "rrelu": lambda nn: nn.RReLU(0.1, 0.5).eval(),
    "gelu": lambda nn: nn.GELU(),
    "gelu_tanh": lambda nn: nn.GELU("tanh"),
    "silu": lambda nn: nn.SiLU(),
    "mish": lambda nn: nn.Mish(),
    "elu": lambda nn: nn.ELU(0.7),
    "selu": lambda nn: nn.SELU(),
    "celu": lambda nn: nn.CELU(0.7),
    "softsign": lambda nn: nn.Softsign(),
    "softshrink": lambda nn: nn.Softshrink(),
    "hardshrink": lambda nn: nn.Hardshrink(0.7),
    "tanhshrink": lambda nn: nn.Tanhshrink(),
    "hardtanh": lambda nn: nn.Hardtanh(-0.5, 2.0),
    "hardsigmoid": lambda nn: nn.Hardsigmoid(),
    "hardswish": lambda nn: nn.Hardswish(),
    "sigmoid": lambda nn: nn.Sigmoid(),
    "logsigmoid": lambda nn: nn.LogSigmoid(),
    "tanh": lambda nn: nn.Tanh(),
    "threshold": lambda nn: nn.Threshold(0.5, -2.0),
}
CASES: dict[str, Case] = {
    f"activation_at/{name}": Case(lambda lib, f=f: f(lib.nn), [LINE], [SMOOTH])
    for name, f in ACTIVATIONS.items()
}

# --- layers -------------------------------------------------------------------------------------

INDICES = np.array([[1, 2, 1], [4, 0, 1]])
LAYERS: dict[str, tuple[Callable[[Any], Any], Sequence[Array]]] = {
    "softplus": (lambda nn: nn.Softplus(2.0), [np.linspace(-9, 9, 13)]),
    "prelu_channels": (lambda nn: nn.PReLU(3), [data(3, 2, 3, 4)]),
    "glu": (lambda nn: nn.GLU(1), [data(3, 2, 6, 3)]),
    "softmax": (lambda nn: nn.Softmax(1), [data(3, 2, 5, 3)]),
    "softmin": (lambda nn: nn.Softmin(-1), [ROWS]),
    "log_softmax": (lambda nn: nn.LogSoftmax(0), [ROWS]),
    "linear": (lambda nn: nn.Linear(4, 3), [ROWS]),
    "linear_plain": (lambda nn: nn.Linear(4, 3, bias=False), [data(3, 2, 3, 4)]),
    "bilinear": (lambda nn: nn.Bilinear(4, 3, 2), [ROWS, data(3, 5, 3)]),
    "bilinear_plain": (
        lambda nn: nn.Bilinear(4, 3, 2, False),
        [data(4, 2, 5, 4), data(3, 2, 5, 3)],
    ),
    "embedding": (lambda nn: nn.Embedding(5, 3), [INDICES]),
    "embedding_padding": (lambda nn: nn.Embedding(5, 3, padding_idx=1), [INDICES]),
    "embedding_last": (lambda nn: nn.Embedding(5, 3, padding_idx=-1), [INDICES]),
    "embedding_freq": (lambda nn: nn.Embedding(5, 3, scale_grad_by_freq=True), [INDICES]),
    "embedding_norm": (lambda nn: nn.Embedding(5, 3, max_norm=1.1), [INDICES]),
    "embedding_norm1": (lambda nn: nn.Embedding(5, 3, max_norm=1.1, norm_type=1), [INDICES]),
    "layer_norm": (lambda nn: nn.LayerNorm(4), [ROWS]),
    "layer_norm2": (lambda nn: nn.LayerNorm((3, 4), eps=1e-3), [data(3, 2, 3, 4)]),
    "rms_norm": (lambda nn: nn.RMSNorm(4), [ROWS]),
    "rms_norm2": (lambda nn: nn.RMSNorm((3, 4), eps=1e-3), [data(3, 2, 3, 4)]),
    "rms_norm_plain": (lambda nn: nn.RMSNorm(4, elementwise_affine=False), [ROWS]),
    "batch_norm": (lambda nn: nn.BatchNorm1d(4), [ROWS]),
    "batch_norm_long": (lambda nn: nn.BatchNorm1d(3, eps=1e-3, momentum=0.3), [data(3, 4, 3, 5)]),
    "batch_norm_eval": (lambda nn: nn.BatchNorm1d(4).eval(), [ROWS]),
    "batch_norm_plain": (lambda nn: nn.BatchNorm1d(4, affine=False), [ROWS]),
    "batch_norm_average": (lambda nn: nn.BatchNorm1d(4, momentum=None), [ROWS]),
    "batch_norm_no_stats": (lambda nn: nn.BatchNorm1d(4, track_running_stats=False).eval(), [ROWS]),
    "batch_norm_image": (lambda nn: nn.BatchNorm2d(3), [data(3, 4, 3, 5, 7)]),
    "batch_norm_image_eval": (lambda nn: nn.BatchNorm2d(3, eps=1e-3).eval(), [data(3, 4, 3, 5, 7)]),
    "batch_norm_volume": (lambda nn: nn.BatchNorm3d(2, momentum=0.3), [data(3, 3, 2, 2, 3, 2)]),
    "conv1d": (lambda nn: nn.Conv1d(2, 3, 3, stride=2, padding=1), [data(3, 2, 2, 9)]),
    "conv2d": (lambda nn: nn.Conv2d(2, 4, 3, padding=1, dilation=2), [data(3, 2, 2, 6, 5)]),
    "conv2d_groups": (lambda nn: nn.Conv2d(4, 6, 2, groups=2, bias=False), [data(3, 2, 4, 4, 5)]),
    "conv2d_same": (lambda nn: nn.Conv2d(1, 2, (2, 5), padding="same"), [data(3, 2, 1, 5, 4)]),
    "conv2d_reflect": (
        lambda nn: nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"),
        [data(3, 2, 1, 4, 5)],
    ),
    "conv3d": (lambda nn: nn.Conv3d(1, 2, 2, stride=(1, 2, 1)), [data(3, 1, 1, 4, 5, 4)]),
    "conv_transpose1d": (lambda nn: nn.ConvTranspose1d(2, 3, 4, stride=3), [data(3, 2, 2, 4)]),
    "conv_transpose2d": (
        lambda nn: nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1),
        [data(3, 2, 3, 4, 3)],
    ),
    "conv_transpose3d": (
        lambda nn: nn.ConvTranspose3d(2, 2, 2, groups=2, dilation=2),
        [data(3, 1, 2, 3, 2, 3)],
    ),
    "group_norm": (lambda nn: nn.GroupNorm(2, 6), [data(3, 3, 6, 4)]),
    "group_norm_one": (lambda nn: nn.GroupNorm(1, 4, eps=1e-3), [ROWS]),
    "group_norm_all": (lambda nn: nn.GroupNorm(6, 6), [data(3, 3, 6, 4, 3)]),
    "group_norm_plain": (lambda nn: nn.GroupNorm(3, 6, affine=False), [data(3, 3, 6, 4)]),
    "instance_norm": (lambda nn: nn.InstanceNorm1d(3), [data(3, 2, 3, 5)]),
    "instance_norm_one": (lambda nn: nn.InstanceNorm1d(3, affine=True), [data(3, 3, 5)]),
    "instance_norm_stats": (
        lambda nn: nn.InstanceNorm2d(3, affine=True, track_running_stats=True, momentum=0.3),
        [data(3, 2, 3, 5, 4)],
    ),
    "instance_norm_eval": (
        lambda nn: nn.InstanceNorm2d(3, track_running_stats=True).eval(),
        [data(3, 2, 3, 5, 4)],
    ),
    "instance_norm_volume": (lambda nn: nn.InstanceNorm3d(2), [data(3, 2, 2, 2, 3, 2)]),
    "local_response_norm": (lambda nn: nn.LocalResponseNorm(3, 0.2, 0.6, 1.5), [data(3, 2, 5, 4)]),
    "local_response_norm_even": (lambda nn: nn.LocalResponseNorm(2, 0.2), [data(3, 2, 5, 4, 2)]),
    "dropout2d_eval": (lambda nn: nn.Dropout2d().eval(), [data(3, 2, 3, 4, 2)]),
    "upsample": (lambda nn: nn.Upsample(scale_factor=2), [data(3, 2, 3, 4, 3)]),
    "upsample_linear": (lambda nn: nn.Upsample(7, mode="linear"), [data(3, 2, 3, 4)]),
    "upsample_trilinear": (
        lambda nn: nn.Upsample((3, 5, 2), mode="trilinear", align_corners=True),
        [data(3, 2, 2, 2, 3, 4)],
    ),
    "upsampling_nearest": (lambda nn: nn.UpsamplingNearest2d((5, 7)), [data(3, 2, 3, 4, 3)]),
    "upsampling_bilinear": (
        lambda nn: nn.UpsamplingBilinear2d(scale_factor=1.7),
        [data(3, 2, 3, 4, 3)],
    ),
    "flatten": (lambda nn: nn.Flatten(), [data(3, 2, 3, 4)]),
    "unflatten": (lambda nn: nn.Unflatten(1, (2, -1)), [data(3, 5, 6)]),
    "cosine_similarity": (lambda nn: nn.CosineSimilarity(), [ROWS, data(4, 5, 4)]),
    "cosine_similarity0": (lambda nn: nn.CosineSimilarity(0), [ROWS, data(4, 5, 4)]),
    "pairwise_distance": (lambda nn: nn.PairwiseDistance(), [ROWS, data(4, 5, 4)]),
    "pairwise_distance1": (lambda nn: nn.PairwiseDistance(1, keepdim=True), [ROWS, data(4, 5, 4)]),
    "pairwise_distance3": (lambda nn: nn.PairwiseDistance(3.0), [ROWS, data(4, 5, 4)]),
}
CASES |= {
    f"layer/{name}": Case(lambda lib, f=f: f(lib.nn), inputs)
    for name, (f, inputs) in (LAYERS | windows.LAYERS).items()
}
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Sequence[Array]]] = {
    "normalize": (lambda F: F.normalize, [ROWS]),
    "normalize1": (lambda F: lambda x: F.normalize(x, 1.0, 0), [ROWS]),
    "normalize3": (lambda F: lambda x: F.normalize(x, p=3.0, dim=-1, eps=3.0), [ROWS]),
    "cosine_similarity_broadcast": (
        lambda F: lambda a, b: F.cosine_similarity(a, b, dim=-1),
        [data(5, 5, 1, 4), data(6, 1, 3, 4)],
    ),
    "pairwise_distance_broadcast": (lambda F: F.pairwise_distance, [ROWS, data(4, 4)]),
    "bilinear": (lambda F: F.bilinear, [ROWS, data(4, 5, 3), data(5, 2, 4, 3), data(6, 2)]),
    "embedding": (lambda F: F.embedding, [INDICES, data(6, 5, 3)]),
    "rms_norm": (lambda F: lambda x, w: F.rms_norm(x, (4,), w), [ROWS, data(6, 4)]),
    "batch_norm": (
        lambda F: lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
        [ROWS, data(6, 4), data(7, 4)],
    ),
    "layer_norm": (lambda F: lambda x, w, b: F.layer_norm(x, (4,), w, b), [ROWS, *data(6, 2, 4)]),
    "prelu": (lambda F: F.prelu, [data(3, 2, 3, 4), data(4, 3)]),
    "prelu_one": (lambda F: F.prelu, [ROWS, data(4, 1)]),
    "prelu_rows": (lambda F: F.prelu, [ROWS, data(4, 4)]),
    "prelu_image": (lambda F: F.prelu, [data(3, 2, 3, 2, 2), data(4, 3)]),
    "one_hot": (lambda F: lambda i: F.one_hot(i, 5), [INDICES]),
    "group_norm": (lambda F: lambda x, w: F.group_norm(x, 2, w), [ROWS, data(6, 4)]),
    "instance_norm": (
        lambda F: lambda x, w, b: F.instance_norm(x, None, None, w, b, eps=1e-3),
        [data(3, 2, 3, 4), *data(6, 2, 3)],
    ),
    "local_response_norm": (lambda F: lambda x: F.local_response_norm(x, 4), [data(3, 2, 5, 4)]),
}


def _interpolated(**options: Any) -> Callable[[Any], Any]:
    return lambda F: lambda x: F.interpolate(x, **options)


# Lengths that grow, shrink, do both and stay; factors that do not give whole lengths.
for rank, shape in ((1, (7,)), (2, (5, 6)), (3, (3, 4, 2))):
    image = data(30 + rank, 2, 2, *shape)
    lengths = [(11,), (3, 10), (5, 2, 2)][rank - 1]
    linear = ("linear", "bilinear", "trilinear")[rank - 1]
    modes = ("nearest", "nearest-exact", "area", linear, *(("bicubic",) if rank == 2 else ()))
    for mode in modes:
        FUNCTIONS[f"interpolate_{mode}{rank}"] = (_interpolated(size=lengths, mode=mode), [image])
        factor = _interpolated(scale_factor=1.6, mode=mode)
        FUNCTIONS[f"interpolate_{mode}{rank}_factor"] = (factor, [image])
        if mode in ("nearest", "nearest-exact", "area"):
            continue
        corners = _interpolated(size=lengths, mode=mode, align_corners=True)
        FUNCTIONS[f"interpolate_{mode}{rank}_corners"] = (corners, [image])
        if rank == 2:
            smooth = _interpolated(scale_factor=(0.4, 1.3), mode=mode, antialias=True)
            FUNCTIONS[f"interpolate_{mode}_antialias"] = (smooth, [image])
FUNCTIONS["interpolate_recomputed"] = (
    _interpolated(scale_factor=2.3, mode="bilinear", recompute_scale_factor=True),
    [data(32, 2, 2, 5, 6)],
)
for rank, size in ((2, (2, 3, 4, 5)), (3, (2, 1, 3, 2, 4))):
    for corners in (False, True):
        FUNCTIONS[f"affine_grid{rank}_{corners}"] = (
            lambda F, size=size, corners=corners: lambda t: F.affine_grid(t, size, corners),
            [data(35, 2, rank, rank + 1)],
        )
        for padding in ("zeros", "border", "reflection"):
            for mode in ("bilinear", "nearest", *(("bicubic",) if rank == 2 else ())):
                FUNCTIONS[f"grid_sample{rank}_{mode}_{padding}_{corners}"] = (
                    lambda F, rest=(mode, padding, corners): (
                        lambda x, g: F.grid_sample(x, g, *rest)
                    ),
                    [data(36, *size), data(37, 2, *(3, 4, 2)[:rank], rank, low=-2.6, high=2.6)],
                )
CASES |= {
    f"function/{name}": Case(lambda lib, f=f: f(lib.nn.functional), inputs)
    for name, (f, inputs) in (FUNCTIONS | windows.FUNCTIONS).items()
}

# --- losses ---------------------------------------------------------------------------------------

# Differences of both signs, of 0, of 1 and of 0.5 exactly, where the pieces of the losses meet.
X = np.array([[0.5, -1.25, 2.0, 0.25], [1.0, 0.0, -0.75, 3.0], [-2.0, 0.5, 0.75, -1.0]])
T = np.array([[-0.5, -1.25, 0.25, 0.75], [0.0, 1.0, -1.0, -1.0], [2.5, 0.0, 0.75, -1.5]])
AWAY = [data(11, 3, 4), data(12, 3, 4)]
SIGNS = np.where(data(13, 3, 4) > 0, 1.0, -1.0)
FAR = [AWAY[0], SIGNS.astype(int)]
P, Q = data(14, 3, 4, low=0.05, high=0.95), data(15, 3, 4, low=0.05, high=0.95)
EDGE_P = np.array([[0.0, 1.0, 1.0, 0.0], [1e-30, 1 - 1e-10, 0.5, 0.25], [1e-3, 0.7, 1.0, 0.0]])
EDGE_T = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.3], [0.0, 0.2, 0.5, 0.5]])
LOGS = np.log(P / P.sum(1, keepdims=True))
PROBABILITIES = Q / Q.sum(1, keepdims=True)
WITH_ZEROS = np.array([[0.0, 0.5, 0.5, 0.0], [1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]])
LABELS = np.array([2, 0, 3])
IGNORED = np.array([2, -100, 3])
COUNTS = np.array([[0.0, 1.0, 2.0, 5.0], [1.0, 0.0, 7.0, 1.0], [3.0, 2.0, 0.0, 1.0]])
V = data(16, 3, 4, low=0.1, high=2.0)
SMALL_V = np.where(data(17, 3, 4) > 0, V, 1e-9)
PAIRS = [data(18, 6, 4), data(19, 6, 4)]
SIX = np.array([1, -1, 1, -1, -1, 1])
IMAGE, IMAGE_LABELS = data(20, 2, 3, 4, 2), np.random.default_rng(21).integers(0, 3, (2, 4, 2))
CLASSES = data(22, 4, low=0.2)

Loss = Callable[[Any, str], Any]
LOSSES: dict[str, tuple[Loss, Sequence[Array], Sequence[Array] | None]] = {
    "mse": (lambda nn, r: nn.MSELoss(reduction=r), [X, T], None),
    "l1": (lambda nn, r: nn.L1Loss(reduction=r), [X, T], AWAY),
    "smooth_l1": (lambda nn, r: nn.SmoothL1Loss(reduction=r), [X, T], AWAY),
    "smooth_l1_half": (lambda nn, r: nn.SmoothL1Loss(reduction=r, beta=0.5), [X, T], AWAY),
    "smooth_l1_zero": (lambda nn, r: nn.SmoothL1Loss(reduction=r, beta=0.0), [X, T], AWAY),
    "huber": (lambda nn, r: nn.HuberLoss(reduction=r), [X, T], AWAY),
    "huber_half": (lambda nn, r: nn.HuberLoss(reduction=r, delta=0.5), [X, T], AWAY),
    "bce": (lambda nn, r: nn.BCELoss(reduction=r), [EDGE_P, EDGE_T], [P, Q]),
    "bce_logits": (lambda nn, r: nn.BCEWithLogitsLoss(reduction=r), [X * 40, Q], [X, Q]),
    "kl": (lambda nn, r: nn.KLDivLoss(reduction=r), [LOGS, WITH_ZEROS], [LOGS, PROBABILITIES]),
    "kl_log": (lambda nn, r: nn.KLDivLoss(reduction=r, log_target=True), [LOGS, X], None),
    "poisson": (lambda nn, r: nn.PoissonNLLLoss(reduction=r), [X, COUNTS], None),
    "poisson_full": (lambda nn, r: nn.PoissonNLLLoss(full=True, reduction=r), [X, COUNTS], [X, P]),
    "poisson_plain": (
        lambda nn, r: nn.PoissonNLLLoss(log_input=False, full=True, reduction=r),
        [V, COUNTS],
        [V, V + 2],
    ),
    "gaussian": (lambda nn, r: nn.GaussianNLLLoss(reduction=r), [X, T, SMALL_V], [X, T, V]),
    "gaussian_full": (
        lambda nn, r: nn.GaussianNLLLoss(full=True, eps=0.01, reduction=r),
        [X, T, V[:, 0]],
        None,
    ),
    "gaussian_column": (lambda nn, r: nn.GaussianNLLLoss(reduction=r), [X, T, V[:, :1]], None),
    "hinge": (lambda nn, r: nn.HingeEmbeddingLoss(reduction=r), [X, SIGNS.astype(int)], FAR),
    "hinge_margin": (lambda nn, r: nn.HingeEmbeddingLoss(0.5, reduction=r), [X, SIGNS], FAR),
    "soft_margin": (lambda nn, r: nn.SoftMarginLoss(reduction=r), [X * 9, SIGNS.astype(int)], None),
    "cross_entropy": (lambda nn, r: nn.CrossEntropyLoss(reduction=r), [X, LABELS], None),
    "cross_entropy_soft": (
        lambda nn, r: nn.CrossEntropyLoss(reduction=r),
        [X, PROBABILITIES],
        None,
    ),
    "cross_entropy_smooth": (
        lambda nn, r: nn.CrossEntropyLoss(reduction=r, label_smoothing=0.1),
        [X, IGNORED],
        None,
    ),
    "cross_entropy_soft_smooth": (
        lambda nn, r: nn.CrossEntropyLoss(reduction=r, label_smoothing=0.1),
        [X, PROBABILITIES],
        None,
    ),
    "cross_entropy_image": (
        lambda nn, r: nn.CrossEntropyLoss(reduction=r, ignore_index=1),
        [IMAGE, IMAGE_LABELS],
        None,
    ),
    "cross_entropy_one": (
        lambda nn, r: nn.CrossEntropyLoss(reduction=r),
        [X[0], LABELS[0:1][0]],
        None,
    ),
    "nll": (lambda nn, r: nn.NLLLoss(reduction=r), [LOGS, LABELS], None),
    "nll_ignored": (lambda nn, r: nn.NLLLoss(reduction=r, ignore_index=0), [LOGS, LABELS], None),
    "nll_image": (lambda nn, r: nn.NLLLoss(reduction=r), [IMAGE, IMAGE_LABELS], None),
    "multi_margin": (lambda nn, r: nn.MultiMarginLoss(reduction=r), [X, LABELS], [AWAY[0], LABELS]),
    "multi_margin2": (
        lambda nn, r: nn.MultiMarginLoss(2, 0.75, reduction=r),
        [X, LABELS],
        [AWAY[0], LABELS],
    ),
    "multi_label_soft_margin": (
        lambda nn, r: nn.MultiLabelSoftMarginLoss(reduction=r),
        [X, EDGE_T],
        None,
    ),
    "cosine_embedding": (
        lambda nn, r: nn.CosineEmbeddingLoss(reduction=r),
        [np.vstack([PAIRS[0][:5], np.zeros((1, 4))]), PAIRS[1], SIX],
        [*PAIRS, SIX],
    ),
    "cosine_embedding_margin": (
        lambda nn, r: nn.CosineEmbeddingLoss(0.3, reduction=r),
        [*PAIRS, SIX],
        None,
    ),
    "margin_ranking": (
        lambda nn, r: nn.MarginRankingLoss(reduction=r),
        [X, T, SIGNS],
        [*AWAY, SIGNS],
    ),
    "margin_ranking_half": (
        lambda nn, r: nn.MarginRankingLoss(0.5, reduction=r),
        [X, T, SIGNS.astype(int)],
        [*AWAY, SIGNS],
    ),
    "triplet": (lambda nn, r: nn.TripletMarginLoss(reduction=r), [*PAIRS, data(23, 6, 4)], None),
    "triplet_swap": (
        lambda nn, r: nn.TripletMarginLoss(0.5, p=1.0, swap=True, reduction=r),
        [*PAIRS, data(23, 6, 4)],
        None,
    ),
    "triplet_distance": (
        lambda nn, r: nn.TripletMarginWithDistanceLoss(
            distance_function=lambda a, b: ((a - b) ** 2).sum(-1), swap=True, reduction=r
        ),
        [*PAIRS, data(23, 6, 4)],
        None,
    ),
}
REDUCTIONS = ("mean", "sum", "none")
CASES |= {
    f"loss_at/{name}/{r}": Case(lambda lib, f=f, r=r: f(lib.nn, r), edges, smooth)
    for name, (f, edges, smooth) in LOSSES.items()
    for r in REDUCTIONS
}


def _weighted(name: str, **options: Any) -> Callable[[Any, str], Any]:
    """A loss with weights, which have to be tensors of the library."""

    def build(lib: Any, reduction: str) -> Any:
        given = {k: lib.tensor(v) if isinstance(v, Array) else v for k, v in options.items()}
        return getattr(lib.nn, name)(reduction=reduction, **given)

    return build


WEIGHTED: dict[str, tuple[Callable[[Any, str], Any], Sequence[Array]]] = {
    "bce": (_weighted("BCELoss", weight=CLASSES), [P, Q]),
    "bce_logits": (_weighted("BCEWithLogitsLoss", weight=CLASSES), [X, Q]),
    "bce_logits_positive": (_weighted("BCEWithLogitsLoss", pos_weight=CLASSES), [X, Q]),
    "cross_entropy": (_weighted("CrossEntropyLoss", weight=CLASSES), [X, IGNORED]),
    "cross_entropy_soft": (_weighted("CrossEntropyLoss", weight=CLASSES), [X, PROBABILITIES]),
    "cross_entropy_smooth": (
        _weighted("CrossEntropyLoss", weight=CLASSES, label_smoothing=0.2),
        [X, IGNORED],
    ),
    "cross_entropy_image": (
        _weighted("CrossEntropyLoss", weight=CLASSES[:3], label_smoothing=0.2),
        [IMAGE, IMAGE_LABELS],
    ),
    "nll": (_weighted("NLLLoss", weight=CLASSES), [LOGS, IGNORED]),
    "nll_image": (_weighted("NLLLoss", weight=CLASSES[:3]), [IMAGE, IMAGE_LABELS]),
    "multi_margin": (_weighted("MultiMarginLoss", weight=CLASSES), [AWAY[0], LABELS]),
    "multi_label": (_weighted("MultiLabelSoftMarginLoss", weight=CLASSES), [X, EDGE_T]),
}
CASES |= {
    f"loss_at/weighted_{name}/{r}": Case(lambda lib, f=f, r=r: f(lib, r), inputs)
    for name, (f, inputs) in WEIGHTED.items()
    for r in REDUCTIONS
}
CASES |= {
    "loss_at/kl/batchmean": Case(
        lambda lib: lib.nn.KLDivLoss(reduction="batchmean"), [LOGS, PROBABILITIES]
    ),
    "loss_at/mse/elements": Case(
        lambda lib: lambda x, t, w: lib.nn.functional.mse_loss(x, t, weight=w), [X, T, V]
    ),
    "loss_at/l1/elements": Case(
        lambda lib: lambda x, t, w: lib.nn.functional.l1_loss(x, t, weight=w), [*AWAY, V]
    ),
    "loss_at/huber/elements": Case(
        lambda lib: lambda x, t, w: lib.nn.functional.huber_loss(x, t, weight=w), [*AWAY, V]
    ),
}
NAMES = list(CASES)
