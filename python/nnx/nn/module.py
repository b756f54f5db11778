"""Module: what every layer, loss and network is.

A module's attributes are what they look like: parameters, buffers and child modules are ordinary
entries of the instance's `__dict__`, found by walking it. Nothing has to be registered, and a
subclass that forgets `super().__init__()` works.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    Tensor,
    bfloat16,
    float16,
    float32,
    float64,
    no_grad,
)
from nnx.nn.hooks import structure
from nnx.nn.misuse import InTrainer, check_call
from nnx.nn.parameter import Parameter
from nnx.nn.state import LoadResult, match
from nnx.nn.tree import Tree

_DType = type(float32)


class Module(Tree):
    """Base of all layers and networks.

    A subclass makes its parameters and child modules in `__init__` and computes in `forward`;
    `module(x)` calls it.

    Shapes, dtypes: those of `forward`.
    Source: the interface of PyTorch's torch.nn.Module; state_dict has the same keys and shapes.

    Example:
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = nn.Dense(2, 8)
        ...         self.out = nn.Dense(8, 1)
        ...
        ...     def forward(self, x):
        ...         return self.out(nnx.tanh(self.hidden(x)))
        >>> net = Net()
        >>> net(nnx.zeros((5, 2))).shape
        (5, 1)
        >>> [name for name, _ in net.named_parameters()]
        ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    # Defaults stand on the class, so that an instance without super().__init__() has them too.
    training: bool = True
    _structural: frozenset[str] = frozenset({"forward"})  # what a container's plan depends on

    if not TYPE_CHECKING:
        compile, fit, evaluate, predict = InTrainer(), InTrainer(), InTrainer(), InTrainer()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        for value in args:
            if isinstance(value, Tensor) and value.ndim:
                check_call(cls, args, kwargs)
                break
        return super().__new__(cls)

    def __init__(self) -> None:
        pass

    # --- attributes ---------------------------------------------------------------------------
    def __setattr__(self, name: str, value: Any) -> None:
        old = self.__dict__.get(name)
        if isinstance(value, Module) or isinstance(old, Module) or name in self._structural:
            structure.version += 1
        elif isinstance(old, Parameter) and not isinstance(value, Parameter | None):
            raise fail(
                DTypeError,
                type(self).__name__,
                f"{name} is a Parameter and can only be replaced by one, or by None",
                describe(value),
                f"module.{name} = nn.Parameter(value), or with nnx.no_grad(): "
                f"module.{name}.copy_(value)",
            )
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        structure.version += 1
        object.__delattr__(self, name)
        if self._buffer_names:
            self._buffer_names.pop(name, None)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Makes a tensor that is not learnt part of the module: it moves with `to`, and is in
        `state_dict` if `persistent`.

        Example:
            >>> m = nn.Module()
            >>> m.register_buffer("mean", nnx.zeros(3))
            >>> list(m.state_dict())
            ['mean']
        """
        _check_name(self, "register_buffer", name)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise fail(
                DTypeError,
                "register_buffer",
                f"{name} must be a tensor or None",
                describe(tensor),
                "nnx.asarray(value) makes one",
            )
        if self._buffer_names is None:
            self._buffer_names = {}
        self._buffer_names[name] = persistent
        setattr(self, name, tensor)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """The same as `self.name = param`.

        Example:
            >>> m = nn.Module()
            >>> m.register_parameter("scale", nn.Parameter(nnx.ones(1)))
            >>> m.scale.shape
            (1,)
        """
        _check_name(self, "register_parameter", name)
        if not isinstance(param, Parameter | None):
            rule = f"{name} must be a Parameter or None"
            raise fail(DTypeError, "register_parameter", rule, describe(param))
        setattr(self, name, param)

    def add_module(self, name: str, module: Module | None) -> None:
        """The same as `self.name = module`; the name may be any text without a dot.

        Example:
            >>> m = nn.Module()
            >>> m.add_module("act", nn.ReLU())
            >>> m.act
            ReLU()
        """
        _check_name(self, "add_module", name)
        if not isinstance(module, Module | None):
            raise fail(DTypeError, "add_module", f"{name} must be a Module", describe(module))
        setattr(self, name, module)

    register_module = add_module

    def set_submodule(self, target: str, module: Module) -> None:
        """Puts a module in the place of the one with a dotted name.

        Raises: ArgumentError where there is none.

        Example:
            >>> net = nn.Sequential(nn.Sequential(nn.ReLU()))
            >>> net.set_submodule("0.0", nn.Tanh())
            >>> net[0][0]
            Tanh()
        """
        if not target or not isinstance(module, Module):
            rule = "target must be a dotted name and module a Module"
            raise fail(DTypeError, "set_submodule", rule, f"{target!r}, {describe(module)}")
        self.get_submodule(target)
        place, _, name = target.rpartition(".")
        setattr(self.get_submodule(place), name, module)

    # --- modes --------------------------------------------------------------------------------
    def train(self, mode: bool = True) -> Self:
        """Sets this module and all below to training (dropout acts), or to evaluation.

        Example:
            >>> nn.Dropout().train(False).training
            False
        """
        if not isinstance(mode, bool):
            raise fail(DTypeError, "train", "mode must be True or False", describe(mode, "mode"))
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """The same as `train(False)`.

        Example:
            >>> nn.Dropout().eval().training
            False
        """
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether the parameters collect gradients: False freezes the module.

        Example:
            >>> nn.Dense(3, 2).requires_grad_(False).weight.requires_grad
            False
        """
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forgets the gradients of all parameters, or fills them with zeros.

        Example:
            >>> layer = nn.Dense(3, 2)
            >>> layer(nnx.ones((1, 3))).sum().backward()
            >>> layer.zero_grad()
            >>> layer.weight.grad is None
            True
        """
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad.detach().zero_()

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Calls `fn` with every module below and then with this one.

        Example:
            >>> _ = nn.Sequential(nn.ReLU()).apply(lambda m: print(type(m).__name__))
            ReLU
            Sequential
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # --- dtype and device -----------------------------------------------------------------------
    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves parameters and buffers to a device and casts the floating ones to a dtype.

        Args: a dtype, a device, both, or a tensor that has them; also as `dtype=`, `device=`.
        Parameters stay the same objects, so an optimiser made before goes on working.

        Example:
            >>> nn.Dense(3, 2).to(nnx.float64).weight.dtype == nnx.float64
            True
        """
        dtype, device = kwargs.pop("dtype", None), kwargs.pop("device", None)
        for name in ("non_blocking", "memory_format"):  # nothing to choose here
            kwargs.pop(name, None)
        if kwargs:
            raise fail(DTypeError, "to", "the options are dtype and device", describe(kwargs))
        for value in args:
            if isinstance(value, Tensor):
                dtype, device = value.dtype, value.device
            elif isinstance(value, _DType):
                dtype = value
            elif value is not None:
                device = value
        if dtype is not None and "float" not in str(dtype):
            raise fail(DTypeError, "to", "a module's dtype must be floating", f"dtype = {dtype}")
        return self._convert(dtype, device)

    def type(self, dst_type: Any) -> Self:
        """The same as `to(dtype)`.

        Example:
            >>> nn.Dense(3, 2).type(nnx.float64).weight.dtype == nnx.float64
            True
        """
        return self.to(dtype=dst_type)

    def float(self) -> Self:
        """Casts floating parameters and buffers to float32.

        Example:
            >>> nn.Dense(3, 2).double().float().weight.dtype == nnx.float32
            True
        """
        return self._convert(float32, None)

    def double(self) -> Self:
        """Casts floating parameters and buffers to float64.

        Example:
            >>> nn.Dense(3, 2).double().weight.dtype == nnx.float64
            True
        """
        return self._convert(float64, None)

    def half(self) -> Self:
        """Casts floating parameters and buffers to float16.

        Example:
            >>> nn.Dense(3, 2).half().weight.dtype == nnx.float16
            True
        """
        return self._convert(float16, None)

    def bfloat16(self) -> Self:
        """Casts floating parameters and buffers to bfloat16.

        Example:
            >>> nn.Dense(3, 2).bfloat16().weight.dtype == nnx.bfloat16
            True
        """
        return self._convert(bfloat16, None)

    def cpu(self) -> Self:
        """Moves parameters and buffers to the CPU.

        Example:
            >>> nn.Dense(3, 2).cpu().weight.shape
            (2, 3)
        """
        return self._convert(None, "cpu")

    def cuda(self, device: Any = None) -> Self:
        """Moves parameters and buffers to a CUDA device; DeviceError where there is none.

        Example:
            >>> nn.Dense(3, 2).cuda()  # doctest: +SKIP
        """
        return self._convert(None, "cuda" if device is None else f"cuda:{device}")

    def _convert(self, dtype: Any, device: Any) -> Self:
        # All new tensors are made before the first is put in place: a failure changes nothing.
        def converted(tensor: Tensor) -> Tensor:
            if device is not None:
                tensor = tensor.to(device)
            if dtype is not None and "float" in str(tensor.dtype):
                tensor = tensor.to(dtype)
            return tensor

        tensors: list[Tensor] = [t for _, t in self.named_parameters()]
        tensors += [t for _, t in self.named_buffers()]
        new = [
            (t, converted(t.detach()), None if t.grad is None else converted(t.grad.detach()))
            for t in tensors
        ]
        for tensor, value, grad in new:
            tensor.grad = None
            tensor.data = value
            tensor.grad = grad
        return self

    # --- saving -------------------------------------------------------------------------------
    def state_dict(
        self,
        destination: dict[str, Tensor] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Tensor]:
        """Parameters and persistent buffers by dotted name, sharing the module's memory.

        `nnx.save` writes it; copy it (`copy.deepcopy`) to keep a state while training goes on.

        Example:
            >>> list(nn.Sequential(nn.Dense(3, 2)).state_dict())
            ['0.weight', '0.bias']
        """
        state = {} if destination is None else destination
        for place, module in self.named_modules(prefix=prefix.rstrip("."), remove_duplicate=False):
            for name, tensor in module._own_state():
                state[f"{place}.{name}" if place else name] = (
                    tensor if keep_vars else tensor.detach()
                )
        return state

    def _own_state(self) -> list[tuple[str, Tensor]]:
        own: list[tuple[str, Tensor]] = []
        for name, value in self.__dict__.items():
            if isinstance(value, Parameter):
                own.append((name, value))
        for name, persistent in (self._buffer_names or {}).items():
            value = self.__dict__.get(name)
            if persistent and isinstance(value, Tensor):
                own.append((name, value))
        return own

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> LoadResult:
        """Copies values by dotted name into parameters and buffers; nothing is written unless
        everything fits.

        Args:
            state_dict: what `state_dict` or `nnx.load` gave; tensors or arrays.
            strict: whether missing and unexpected names are an error. A wrong shape always is.
            assign: whether the tensors themselves take the place of the values, with their dtype,
                instead of being copied.

        Returns: (missing_keys, unexpected_keys).
        Raises: Error for missing or unexpected names, ShapeError for wrong shapes, DTypeError for
            what is no mapping of names to tensors; each lists all that do not fit.

        Example:
            >>> a, b = nn.Dense(3, 2), nn.Dense(3, 2)
            >>> b.load_state_dict(a.state_dict())
            <all keys matched>
        """
        own = self.state_dict(keep_vars=True)
        pairs, result = match(type(self).__name__, own, state_dict, strict)
        with no_grad():
            for target, tensor in pairs:
                if assign:
                    target.data = tensor.detach()
                else:
                    target.copy_(tensor)
        return result

    def __getstate__(self) -> dict[str, Any]:
        # What copies and pickles take. A plain tensor with a graph (a weight computed from others,
        # an activation kept to look at) goes without its graph, which belongs to this module.
        return {
            name: value.detach() if isinstance(value, Tensor) and not value.is_leaf else value
            for name, value in self.__dict__.items()
        }

    # --- text ---------------------------------------------------------------------------------
    def extra_repr(self) -> str:
        """The options shown between the brackets of the module's repr.

        Example:
            >>> nn.Dense(3, 2).extra_repr()
            'in_features=3, out_features=2, bias=True'
        """
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = [line for line in extra.split("\n") if line] if "\n" in extra else []
        for name, value in self.__dict__.items():
            if isinstance(value, Module):
                lines.append(f"({name}): " + repr(value).replace("\n", "\n  "))
        if not lines:
            return f"{self._get_name()}({extra})"
        if extra and "\n" not in extra:
            lines.insert(0, extra)
        return self._get_name() + "(\n  " + "\n  ".join(lines) + "\n)"


def _check_name(module: Module, op: str, name: Any) -> None:
    if not isinstance(name, str):
        raise fail(DTypeError, op, "the name must be a string", describe(name))
    if not name or "." in name:
        rule = "the name must have at least one character and no dot"
        raise fail(ArgumentError, op, rule, describe(name, "name"))
    if name not in module.__dict__ and hasattr(module, name):
        rule = f"{type(module).__name__} already has an attribute {name!r}"
        raise fail(ArgumentError, op, rule, hint="choose another name")
