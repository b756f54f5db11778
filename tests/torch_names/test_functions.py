"""nnx.torch answers as PyTorch does: against PyTorch where it is installed, and by known values."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import nnx
import nnx.torch as torch
import numpy as np
import pytest

A = np.array([[3.0, 1.0, 2.0, 2.5], [0.5, -1.0, 4.0, 7.0]])


def x() -> nnx.Tensor:
    return torch.tensor(A)


# --- known values, where PyTorch and NumPy differ -------------------------------------------------

TYPES = ["Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double"]
DTYPES = (
    *(nnx.bool, nnx.uint8, nnx.int8, nnx.int16, nnx.int32, nnx.int64),
    *(nnx.float16, nnx.bfloat16, nnx.float32, nnx.float64),
)
KNOWN: dict[str, tuple[Callable[[], Any], Any]] = {
    "max over all": (lambda: torch.max(x()).item(), 7.0),
    "max along dim": (lambda: [t.tolist() for t in torch.max(x(), 1)], [[3.0, 7.0], [0, 3]]),
    "max with keepdim": (lambda: torch.max(x(), dim=0, keepdim=True).values.shape, (1, 4)),
    "max of two": (lambda: torch.max(x(), x().flip(0))[0].tolist(), [3.0, 1.0, 4.0, 7.0]),
    "min along dim": (lambda: torch.min(x(), dim=1).indices.tolist(), [1, 1]),
    "median": (lambda: torch.median(x()).item(), 2.0),
    "median along dim": (lambda: torch.median(x(), dim=1).values.tolist(), [2.0, 0.5]),
    "sort": (lambda: torch.sort(x(), dim=1).indices.tolist(), [[1, 2, 3, 0], [1, 0, 2, 3]]),
    "sort descending": (lambda: torch.sort(x(), descending=True)[0][0].tolist(), [3, 2.5, 2, 1]),
    "std": (lambda: torch.std(torch.tensor([1.0, 3.0])).item(), math.sqrt(2)),
    "std, biased": (lambda: torch.std(torch.tensor([1.0, 3.0]), unbiased=False).item(), 1.0),
    "var": (lambda: torch.var(torch.tensor([1.0, 3.0]), dim=0).item(), 2.0),
    "std_mean": (lambda: [t.item() for t in torch.std_mean(torch.tensor([1.0, 3.0]))], None),
    "split by size": (lambda: [len(t) for t in torch.split(torch.arange(5), 2)], [2, 2, 1]),
    "split by sizes": (lambda: [len(t) for t in torch.split(torch.arange(5), [1, 4])], [1, 4]),
    "tensor_split": (lambda: [len(t) for t in torch.tensor_split(torch.arange(5), 2)], [3, 2]),
    "take": (lambda: torch.take(x(), torch.tensor([0, 5])).tolist(), [3.0, -1.0]),
    "nonzero": (lambda: torch.nonzero(torch.tensor([0, 2, 3])).tolist(), [[1], [2]]),
    "nonzero, as tuple": (
        lambda: torch.nonzero(torch.tensor([0, 2]), as_tuple=True)[0].tolist(),
        [1],
    ),
    "squeeze": (lambda: torch.squeeze(torch.zeros(1, 2), 1).shape, (1, 2)),
    "equal": (lambda: torch.equal(x(), x()), True),
    "eq": (lambda: torch.eq(torch.tensor([1, 2]), 2).tolist(), [False, True]),
    "meshgrid": (lambda: torch.meshgrid(torch.arange(2), torch.arange(3))[0].shape, (2, 3)),
    "cumsum": (lambda: torch.cumsum(torch.tensor([1, 2]), 0).tolist(), [1, 3]),
    "transpose": (lambda: torch.transpose(torch.zeros(2, 3, 4), 0, 2).shape, (4, 3, 2)),
    "diagonal": (lambda: torch.diagonal(torch.zeros(2, 3, 3), dim1=1, dim2=2).shape, (2, 3)),
    "where": (lambda: torch.where(x() > 2, x(), 0.0)[0].tolist(), [3.0, 0.0, 0.0, 2.5]),
    "tril_indices": (lambda: torch.tril_indices(2, 2).tolist(), [[0, 1, 1], [0, 0, 1]]),
    "cross": (lambda: torch.cross(torch.eye(3)[0], torch.eye(3)[1]).tolist(), [0, 0, 1]),
    "svd": (lambda: torch.svd(torch.tensor([[0.0, 2.0], [1.0, 0.0]]))[2].abs().tolist(), None),
    "arange": (lambda: torch.arange(3).dtype, nnx.int64),
    "linspace": (lambda: torch.linspace(0, 1, steps=3).tolist(), [0.0, 0.5, 1.0]),
    "normal": (lambda: torch.normal(mean=torch.zeros(3), std=torch.ones(3)).shape, (3,)),
    "randint": (lambda: torch.randint(3, (2, 2)).shape, (2, 2)),
    "argmax": (lambda: torch.argmax(x(), dim=1).tolist(), [0, 3]),
    "numel": (lambda: torch.numel(x()), 8),
    "prod": (lambda: torch.prod(torch.tensor([2, 3]), 0).item(), 6),
    "norm": (lambda: torch.norm(torch.tensor([3.0, 4.0])).item(), 5.0),
    "log1p in place": (lambda: torch.exp_(torch.zeros(2)).tolist(), [1.0, 1.0]),
    "unique": (lambda: torch.unique(torch.tensor([2, 1, 2])).tolist(), [1, 2]),
    "LongTensor": (lambda: torch.LongTensor([1, 2]).dtype, nnx.int64),
    "FloatTensor of a shape": (lambda: torch.FloatTensor(2, 3).shape, (2, 3)),
    "type(LongTensor)": (lambda: x().type(torch.LongTensor).dtype, nnx.int64),
    "zeros(dtype=LongTensor)": (lambda: torch.zeros(1, dtype=torch.LongTensor).dtype, nnx.int64),
    "isinstance": (lambda: isinstance(x(), torch.DoubleTensor), True),
    "not isinstance": (lambda: isinstance(x(), torch.FloatTensor), False),
    "type by name": (lambda: tuple(x().type(f"torch.{n}Tensor").dtype for n in TYPES), DTYPES),
    "type": (
        lambda: tuple(x().to(t).type() for t in (nnx.float32, nnx.float64, nnx.uint8, nnx.bool)),
        tuple(f"torch.{n}Tensor" for n in ("Float", "Double", "Byte", "Bool")),
    ),
    "type there and back": (
        lambda: tuple(x().to(t).type(x().to(t).type()).dtype for t in (nnx.uint32, nnx.bfloat16)),
        (nnx.uint32, nnx.bfloat16),
    ),
    "to by name": (lambda: x().to("torch.FloatTensor").dtype, nnx.float32),
    "x.std(0, False)": (lambda: x().std(0, False).tolist(), A.std(0).tolist()),
    "x.var(False)": (lambda: x().var(False).item(), float(A.var())),
    "x.std(True)": (lambda: x().std(True).item(), float(A.std(ddof=1))),
    "x.var(1, True, True)": (
        lambda: x().var(1, True, True).tolist(),
        A.var(1, ddof=1, keepdims=True).tolist(),
    ),
    "x.std by name": (
        lambda: x().std(dim=0, unbiased=False, keepdim=True).tolist(),
        A.std(0, keepdims=True).tolist(),
    ),
    "x.var(correction)": (lambda: x().var(0, correction=0).tolist(), A.var(0).tolist()),
    "resize_as_": (
        lambda: x().resize_as_(torch.zeros(3, 2)).tolist(),
        A.ravel()[:6].reshape(3, 2).tolist(),
    ),
    "tril of bool": (lambda: torch.tril(x() > 0).dtype, nnx.bool),
    "triu of bool": (lambda: torch.triu(x() > -9)[1].tolist(), [False, True, True, True]),
    "logit of bool": (lambda: torch.logit(torch.tensor([True, False])).tolist(), [np.inf, -np.inf]),
    "logit beyond 1/2": (lambda: torch.logit(x(), 1)[:, 0].tolist(), [-np.inf, np.inf]),
    "Variable": (lambda: torch.autograd.Variable(x()).requires_grad, False),
    "float is a dtype": (lambda: torch.float is nnx.float32 and torch.long is nnx.int64, True),
    "cuda": (lambda: torch.cuda.is_available() == (torch.cuda.device_count() > 0), True),
    "compile": (lambda: torch.compile(len) is len and torch.compile()(len) is len, True),
    "deterministic": (lambda: torch.are_deterministic_algorithms_enabled(), True),
}
KNOWN["std_mean"] = (KNOWN["std_mean"][0], [math.sqrt(2), 2.0])
KNOWN["svd"] = (KNOWN["svd"][0], [[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize("name", KNOWN)
def test_known_values(name: str) -> None:
    call, expected = KNOWN[name]
    found = call()
    if isinstance(expected, float | list):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    else:
        assert found == expected


# --- against PyTorch ------------------------------------------------------------------------------

B = A.T.copy()
I = np.array([[0, 1, 1, 0]])  # noqa: E741
ARGUMENTS: list[tuple[Any, ...]] = [
    *((A,), (A, 0), (A, 1), (A, -1), (A, 1, True), (A, A[::-1].copy()), (A, 2.0), (A, 0, 1)),
    *((A, 1, I), (A, 0, I, A[:1]), (A, B), (A[0], A[1]), (A[0],), (A[0], 1), (A > 1,), (A > 1, A)),
    *((A > 1, A, 0.0), (I,), (I, 0), (I[0],), (A, (4, 2)), (A, (1, 0)), (A, 0, I[0]), (A, I[0])),
    *((A[:, :3], A[:, 1:]), (A[:, :3], A[:, 1:], 1), (A[None],), (A[None], 0), (A[None], 1)),
    *(([A, A],), ([A, A], 1), ([A[0], A[1]],), (3,), (2, 3), ((2, 3),), (0, 1, 5), (A, 0.5)),
    *((A, 0.5, 1), (A, 1, 0, 2), (A, 2, 1), (A, [1, 3], 1), (A, 3, -1), (A[:, :2], A[:, :2], A)),
    *(
        (A[:2, :2],),
        (A[:2, :2], 1),
        (A[:2, :2], A[:2, :2]),
        (A, [0.2, 0.8], 1),
        ("ij,kj->ik", A, A),
    ),
    *((A[:2, :2] @ A[:2, :2].T + np.eye(2),), (A, A > 1, 5.0), (A, 0.5, 1.5), (A, None, 1.5)),
    *((A, I[0][:2], I[0][:2]), (I, I), (A, A, A), (A, A, 0.3), (I[0], None, 5), (A, 2, 0, True)),
]
# Random, of a state, of files or devices, or of what PyTorch's build says.
NOT_COMPARED = {
    "bernoulli", "compile", "dropout", "dropout_", "empty", "empty_like", "from_dlpack",
    "from_numpy", "get_default_device", "get_num_threads", "get_rng_state", "initial_seed",
    "is_grad_enabled", "load", "manual_seed", "multinomial", "normal", "rand", "rand_like",
    "randint", "randint_like", "randn", "randn_like", "randperm", "save", "seed",
    "set_default_dtype", "set_default_tensor_type", "set_default_device", "set_grad_enabled",
    "set_num_threads", "set_printoptions", "set_rng_state", "set_deterministic",
    "use_deterministic_algorithms", "are_deterministic_algorithms_enabled", "is_tensor",
    "get_default_dtype", "is_complex", "alpha_dropout", "rrelu", "resize_", "promote_types",
    "can_cast", "result_type", "enable_grad", "no_grad", "inference_mode", "fill_",
    "get_device", "batch_norm", "binomial", "poisson",
}  # fmt: skip
# What is not as PyTorch has it, and why: the name and which arguments.
DIFFERENT: dict[str, tuple[Callable[[tuple[Any, ...]], bool], str]] = {
    **dict.fromkeys(
        ("add", "sub", "subtract", "addcdiv", "addcmul"),
        (lambda args: len(args) >= 3, "alpha and value go by name; by position is deprecated"),
    ),
    "einsum": (lambda args: not isinstance(args[0], str), "subscripts are written as a string"),
    "histogram": (lambda args: len(args) > 1, "edges that do not increase are refused"),
    "heaviside": (lambda args: args[0].dtype == np.int64, "integers become floats"),
    "searchsorted": (lambda args: args[0].ndim > 1, "one sorted sequence at a time"),
    "square": (lambda args: args[0].dtype == bool, "booleans stay booleans"),
    **dict.fromkeys(
        ("adaptive_avg_pool1d", "cosine_similarity", "pairwise_distance"),
        (
            lambda args: any(isinstance(a, np.ndarray) and a.dtype != np.float64 for a in args),
            "layers take floats, and say so",
        ),
    ),
    "svd": (lambda args: True, "singular vectors are defined up to their sign"),
}


def compared() -> list[str]:
    return sorted(
        name
        for name in torch.__all__
        if callable(getattr(torch, name, None))
        and not isinstance(getattr(torch, name), type | nnx.torch.legacy.TensorDType)
        and name not in NOT_COMPARED
    )


def plain(found: Any) -> Any:
    """An answer of either library as nested lists of shapes and values."""
    if isinstance(found, tuple | list) and not type(found).__name__.startswith("Size"):
        return [plain(part) for part in found]
    if hasattr(found, "detach"):
        kind = str(found.dtype).rpartition(".")[2]
        return (tuple(found.shape), kind, np.asarray(found.detach()))
    return found


def agree(ours: Any, theirs: Any) -> bool:
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(agree, ours, theirs))
    if isinstance(theirs, tuple) and theirs and isinstance(theirs[-1], np.ndarray):
        if not isinstance(ours, tuple) or ours[:2] != theirs[:2]:
            return False
        return bool(np.allclose(ours[2], theirs[2], rtol=1e-6, atol=1e-12, equal_nan=True))
    return bool(ours == theirs)


def made(value: Any, tensor: Callable[[Any], Any]) -> Any:
    if isinstance(value, np.ndarray):
        return tensor(value.copy())
    if isinstance(value, list) and isinstance(value[0], np.ndarray):
        return [tensor(v.copy()) for v in value]
    return value


@pytest.mark.filterwarnings("ignore")
def test_answers_are_those_of_pytorch() -> None:
    theirs = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare to")
    wrong, answered = [], set()
    for name in compared():
        for args in ARGUMENTS if hasattr(theirs, name) else ():
            try:
                expected = plain(getattr(theirs, name)(*[made(a, theirs.tensor) for a in args]))
            except Exception:  # PyTorch takes other arguments
                continue
            if "complex" in str(expected):
                continue
            try:
                got = plain(getattr(torch, name)(*[made(a, torch.tensor) for a in args]))
            except Exception as error:
                got = error
            answered.add(name)
            if name in DIFFERENT and DIFFERENT[name][0](args):
                continue
            if not agree(got, expected):
                wrong.append((name, [getattr(a, "shape", a) for a in args], got, expected))
    assert wrong == []
    assert len(answered) >= 250


def test_functions_of_layers_and_matrices_are_those_of_nnx() -> None:
    assert torch.conv2d is torch.nn.functional.conv2d
    assert torch.celu is torch.nn.functional.celu
    assert torch.inverse is nnx.linalg.inv
    assert set(torch.__all__) <= set(dir(torch))
    for name in torch.__all__:
        assert getattr(torch, name) is not None or name == "newaxis"


# --- modules --------------------------------------------------------------------------------------

MODULES = {
    "nn": "nnx.nn",
    "nn.functional": "nnx.nn.functional",
    "nn.init": "nnx.nn.init",
    "nn.utils": "nnx.nn.utils",
    "optim": "nnx.optim",
    "optim.lr_scheduler": "nnx.optim.lr_scheduler",
    "linalg": "nnx.linalg",
    "utils.data": "nnx.data",
    "utils.data.dataloader": "nnx.data.loader",
    "utils.data.sampler": "nnx.data.sampler",
    "vision.datasets": "nnx.data",
    "cuda.amp": "nnx.torch.amp",
    "vision.transforms.v2": "nnx.torch.vision.transforms",
}


@pytest.mark.parametrize("name", MODULES)
def test_modules_go_by_pytorchs_names(name: str) -> None:
    """In a process of its own, since an import counts once."""
    program = (
        f"import nnx.torch.{name} as found\n"
        f"import {MODULES[name]} as own\n"
        "import sys\n"
        "assert found is own, (found, own)\n"
        "files = [getattr(m, '__file__', None) for m in {id(m): m for m in sys.modules.values()}"
        ".values() if m.__name__.startswith('nnx')]\n"
        "files = [f for f in files if f]\n"
        "assert len(files) == len(set(files)), 'imported twice'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_program_of_pytorch_runs_as_it_stands() -> None:
    program = """
import nnx.torch as torch
import nnx.torch.nn as nn
import nnx.torch.nn.functional as F
import nnx.torch.optim as optim
import nnx.torch.backends.cudnn as cudnn
from nnx.torch.utils.data import DataLoader, TensorDataset
from nnx.torch.optim.lr_scheduler import StepLR
from nnx.torch.autograd import Variable

torch.manual_seed(0)
torch.backends.cudnn.deterministic = cudnn.benchmark = True
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.a, self.b = nn.Linear(2, 16), nn.Linear(16, 2)

    def forward(self, x):
        return F.log_softmax(self.b(torch.tanh(self.a(x))), dim=1)

x = torch.randn(256, 2)
y = (x[:, 0] * x[:, 1] > 0).long()
model = Net().to(device)
optimizer = optim.Adam(model.parameters(), lr=0.05)
scheduler = StepLR(optimizer, step_size=20, gamma=0.5)
scaler = torch.cuda.amp.GradScaler()
for epoch in range(30):
    model.train()
    for data, target in DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True):
        data, target = Variable(data.to(device)), target.to(device)
        optimizer.zero_grad()
        with torch.autocast(device_type=device.type):
            loss = F.nll_loss(model(data), target)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
    scheduler.step()
model.eval()
with torch.no_grad():
    _, predicted = torch.max(model(x), 1)
correct = (predicted == y).sum().item()
print(correct / len(x))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0.95


def test_import_torch_is_left_alone() -> None:
    program = "import nnx.torch, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: torch.sum([1.0]), nnx.DTypeError, r"torch\.tensor\(\.\.\.\) makes one"),
        (lambda: torch.average, AttributeError, r"nnx\.average is there"),
        (lambda: torch.nonsense, AttributeError, "nonsense"),
        (lambda: torch.FloatTensor(3.5), nnx.DTypeError, r"torch\.tensor\(3\.5\)"),
        (lambda: torch.save(torch.nn.Linear(1, 1), "x"), nnx.DTypeError, "state_dict"),
        (lambda: torch.save({}, "x", pickle_module=1), nnx.ArgumentError, "safetensors"),
        (lambda: torch.set_default_tensor_type("nonsense"), nnx.DTypeError, "floating"),
        (lambda: torch.cross(torch.ones(2), torch.ones(2)), nnx.ShapeError, "length 3"),
        (lambda: torch.cdist(torch.ones(2, 2), torch.ones(2, 3)), nnx.ShapeError, "one length"),
        (lambda: torch.combinations(torch.ones(2, 2)), nnx.ShapeError, "one axis"),
        (lambda: x().type("torch.Tensor"), nnx.DTypeError, "no such dtype"),
        (lambda: x().type("torch.floatTensor"), nnx.DTypeError, "no such dtype"),
        (lambda: x().type("cpu"), nnx.DTypeError, "no such dtype"),
        (lambda: x().resize_as_(torch.zeros(3, 3)), nnx.ShapeError, "enlarged in place"),
        (lambda: x().std(0, 1.5), nnx.DTypeError, "unbiased must be True or False"),
        (lambda: torch.zeros(torch.tensor(2.5)), nnx.DTypeError, r"\[zeros\]"),
        (lambda: nnx.split(x(), torch.tensor(2.5)), nnx.DTypeError, r"\[split\] indices_or_sec"),
        (lambda: nnx.split(x(), None), nnx.DTypeError, "an int or a sequence of ints"),
        (lambda: torch.cuda.set_device(99), nnx.DeviceError, "no such device"),
        (lambda: torch.cuda.get_device_name(99), nnx.DeviceError, "no such device"),
    ],
)
def test_errors_teach(call: Callable[[], Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()
