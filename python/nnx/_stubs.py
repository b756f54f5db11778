"""Writes _nnx.pyi, the types of the extension module, from what the module itself declares.

Run by the build once the module is linked; part of no running program. The module offers
`__declarations__`, a list of dictionaries with

    name       "sum"
    kind       "function", "method", "staticmethod", "property" or "class"
    owner      the class of a method or property, else ""
    signature  "(x: TensorLike, axis: Axis = None) -> Tensor"; of a property "-> int"; of a class
               its bases, "(Base)", or ""
    doc        the docstring

Several entries of one name and owner are overloads. What the module holds beyond its declarations
(exceptions, small classes, constants) is described by looking at it: a docstring may begin with the
types, "seed() -> int" or "-> int". A name in a declared signature that nothing defines, or a
signature that does not parse, fails the build.
"""

from __future__ import annotations

import argparse
import ast
import builtins
import importlib.machinery
import importlib.util
import inspect
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

PREAMBLE = """\
# Generated at build from the extension module's declarations.
import builtins
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NoReturn, Self, SupportsIndex, TypeAlias, TypeVar, final, overload

import numpy as _numpy
import numpy.typing

_F = TypeVar("_F", bound=Callable[..., Any])
"""

# What a signature may use beside classes, written out only when one does.
ALIASES = {
    "Scalar": "bool | int | float | complex",
    "ArrayLike": "Tensor | numpy.typing.ArrayLike",
    "TensorLike": "Tensor | numpy.typing.ArrayLike",
    "Axis": "SupportsIndex | Sequence[SupportsIndex] | None",
    "Axes": "SupportsIndex | Sequence[SupportsIndex]",
    "Shape": "tuple[int, ...]",
    "ShapeLike": "SupportsIndex | Sequence[SupportsIndex]",
    "DTypeLike": "dtype | numpy.typing.DTypeLike",
    "DeviceLike": "device | str",
    "Index": "Any",
}

# Bare generic types get their arguments.
COMPLETE = {
    "dict": "dict[str, Any]",
    "list": "list[Any]",
    "tuple": "tuple[Any, ...]",
    "set": "set[Any]",
    "Callable": "Callable[..., Any]",
    "Iterable": "Iterable[Any]",
    "Sequence": "Sequence[Any]",
}

# Methods that an operator or a built-in function calls, of a tensor and of anything else.
UNARY = ("abs", "neg", "pos", "invert")
BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")
SHIFTS = ("lshift", "rshift")
COMPARE = ("eq", "ne", "lt", "le", "gt", "ge")
TENSOR_SPECIAL = (
    {f"__{name}__": "() -> Tensor" for name in UNARY}
    | {
        f"__{prefix}{name}__": "(other: TensorLike, /) -> Tensor"
        for name in BINARY + SHIFTS
        for prefix in ("", "r")
    }
    | {f"__i{name}__": "(other: TensorLike, /) -> Self" for name in BINARY + SHIFTS}
    | {f"__{name}__": "(other: TensorLike, /) -> Tensor" for name in COMPARE}
    | {
        "__divmod__": "(other: TensorLike, /) -> tuple[Tensor, Tensor]",
        "__rdivmod__": "(other: TensorLike, /) -> tuple[Tensor, Tensor]",
        "__getitem__": "(index: Any, /) -> Tensor",
        "__setitem__": "(index: Any, value: TensorLike, /) -> None",
        "__iter__": "() -> Iterator[Tensor]",
    }
)
SPECIAL = {
    "__len__": "() -> int",
    "__int__": "() -> int",
    "__index__": "() -> int",
    "__float__": "() -> float",
    "__bool__": "() -> bool",
    "__complex__": "() -> complex",
    "__contains__": "(value: Any, /) -> bool",
    "__delitem__": "(index: Any, /) -> None",
    "__enter__": "() -> Any",
    "__exit__": "(*exception: Any) -> None",
    "__copy__": "() -> Self",
    "__deepcopy__": "(memo: Any, /) -> Self",
    "__setstate__": "(state: Any, /) -> None",
    "__init__": "(*args: Any, **kwargs: Any) -> None",
    "__new__": "(*args: Any, **kwargs: Any) -> Self",
}
ANYTHING = "(*args: Any, **kwargs: Any) -> Any"
# Python's object fixes these signatures; a tensor differs on purpose.
OVERRIDES = {"__eq__", "__ne__"}
# What every class has anyway, in the form it has it.
UNSAID = {"__doc__", "__module__", "__dict__", "__weakref__", "__slots__", "__match_args__"}
UNSAID |= {"__repr__", "__str__", "__reduce__", "__reduce_ex__", "__getattribute__", "__setattr__"}
UNSAID |= {"__delattr__", "__hash__", "__format__", "__sizeof__", "__dir__", "__init_subclass__"}
UNSAID |= {"n_fields", "n_sequence_fields", "n_unnamed_fields"}


SUBCLASSABLE = 1 << 10  # Py_TPFLAGS_BASETYPE


class Declaration(NamedTuple):
    name: str
    kind: str
    owner: str
    signature: str
    doc: str


class Signature(NamedTuple):
    arguments: str
    result: str
    names: frozenset[str]  # in its annotations


class StubError(Exception):
    """A declaration that cannot be written as a type."""


def load(path: Path) -> ModuleType:
    """The extension module at `path`, imported without the package around it."""
    name = path.name.split(".")[0]
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None:
        raise StubError(f"{path} is no extension module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    loader.exec_module(module)
    return module


def declarations(module: ModuleType) -> list[Declaration]:
    result = []
    for entry in module.__declarations__:
        fields = {key: str(entry.get(key) or "") for key in Declaration._fields}
        result.append(Declaration(**fields))
    return result


class Qualifier(ast.NodeTransformer):
    """Writes a type so that it means the same wherever it stands.

    Bare generics get arguments. A built-in type that the module or a class has an attribute of the
    same name as (`float`, `int`) is written builtins.float; a class of the module whose name is
    also a tensor's attribute (`dtype`) goes by its alias _dtype.
    """

    def __init__(self, shadowed: Iterable[str], classes: Iterable[str]) -> None:
        self.shadowed = set(shadowed)
        self.renamed = set(classes) & self.shadowed

    def visit_Subscript(self, node: ast.Subscript) -> ast.Subscript:
        if isinstance(node.value, ast.Name):
            node.value = self.qualified(node.value)
        else:
            node.value = self.visit(node.value)
        if not (isinstance(node.value, ast.Name) and node.value.id == "Literal"):
            node.slice = self.visit(node.slice)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        full = COMPLETE.get(node.id)
        return self.visit(ast.parse(full, mode="eval").body) if full else self.qualified(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.Attribute:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id == "numpy":
                part.id = "_numpy"  # a tensor has a method numpy()
        return node

    def qualified(self, node: ast.Name) -> ast.expr:
        if node.id in self.renamed:
            return ast.Name(f"_{node.id}")
        if node.id in self.shadowed and hasattr(builtins, node.id):
            return ast.Attribute(ast.Name("builtins"), node.id)
        return node

    def text(self, annotation: str) -> str:
        return ast.unparse(self.visit(ast.parse(annotation, mode="eval").body))


def used_names(annotation: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}


def with_none(arguments: ast.arguments) -> set[str]:
    """The arguments whose default is None."""
    positional = (arguments.posonlyargs + arguments.args)[::-1]
    pairs = [*zip(positional, arguments.defaults[::-1], strict=False)]
    pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d]
    return {a.arg for a, d in pairs if isinstance(d, ast.Constant) and d.value is None}


def accepts_none(annotation: ast.expr) -> bool:
    text = ast.unparse(annotation)
    return text in ("Any", "object") or "None" in ALIASES.get(text, text)


def parse(signature: str, where: str, qualifier: Qualifier, *, first: str = "") -> Signature:
    """Checks the text of a signature and brings it into the form a stub wants.

    `first` is the argument a method gets unseen, self or cls.
    """
    try:
        tree = ast.parse(f"def f{signature}: ...")
    except SyntaxError as error:
        raise StubError(f"{where}: {signature!r} is no signature: {error.msg}") from None
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    named = arguments.posonlyargs + arguments.args
    if named and named[0].arg == first and first:
        (arguments.posonlyargs or arguments.args).pop(0)
        named = named[1:]
    every = [*named, *arguments.kwonlyargs]
    every += [extra for extra in (arguments.vararg, arguments.kwarg) if extra]
    names: set[str] = set()
    optional = with_none(arguments)
    for argument in every:
        annotation = argument.annotation or ast.Name("Any")
        names |= used_names(annotation)
        if argument.arg in optional and not accepts_none(annotation):
            annotation = ast.BinOp(annotation, ast.BitOr(), ast.Constant(None))
        argument.annotation = qualifier.visit(annotation)
    if first:
        (arguments.posonlyargs or arguments.args).insert(0, ast.arg(arg=first))
    simple = (ast.Constant, ast.UnaryOp, ast.Tuple, ast.List)
    for defaults in (arguments.defaults, arguments.kw_defaults):
        for i, default in enumerate(defaults):
            if default is not None and not isinstance(default, simple):
                defaults[i] = ast.Constant(...)
    result = function.returns or ast.Name("Any")
    names |= used_names(result)
    result = qualifier.visit(result)
    return Signature(ast.unparse(arguments), ast.unparse(result), frozenset(names))


def docstring(text: str) -> str:
    text = inspect.cleandoc(text)
    if not text:
        return ""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    if "\n" in escaped:
        return f'"""{escaped}\n"""'
    return f'"""{escaped}"""' if not escaped.endswith('"') else f'"""{escaped} """'


def block(header: str, body: str) -> str:
    return f"{header}\n{textwrap.indent(body, '    ')}" if body else f"{header} ..."


class Writer:
    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.declared = declarations(module)
        self.used: set[str] = set()
        attributes = vars(module)
        self.classes = {name for name, value in attributes.items() if inspect.isclass(value)}
        self.classes |= {d.name for d in self.declared if d.kind == "class"}
        members = {d.name for d in self.declared if d.owner}
        for name in self.classes:
            members |= set(vars(getattr(module, name, object)))
        shadowed = members | {name for name in attributes if hasattr(builtins, name)}
        self.qualifier = Qualifier(shadowed, self.classes & members)

    # --- declared ---------------------------------------------------------------------------
    def function(self, group: Sequence[Declaration]) -> str:
        """One function or method with all its overloads."""
        parts = []
        for d in group:
            where = ".".join(filter(None, [d.owner, d.name]))
            first = "self" if d.kind == "method" else ""
            signature = parse(d.signature, where, self.qualifier, first=first)
            self.used |= signature.names
            lines = ["@overload"] if len(group) > 1 else []
            lines += ["@staticmethod"] if d.kind == "staticmethod" else []
            lines.append(self.definition(d.name, signature, docstring(d.doc)))
            parts.append("\n".join(lines))
        return "\n".join(parts)

    def definition(self, name: str, signature: Signature, body: str = "") -> str:
        header = f"def {name}({signature.arguments}) -> {signature.result}:"
        if name in OVERRIDES:
            return f"{header} ...  # type: ignore[override]"
        return block(header, body)

    def property(self, d: Declaration, owner: Any) -> str:
        text = d.signature or "-> Any"
        text = text if text.startswith("(") else f"() -> {text.removeprefix('->').strip()}"
        signature = parse(text, f"{d.owner}.{d.name}", self.qualifier, first="self")
        self.used |= signature.names
        member = inspect.getattr_static(owner, d.name, None)
        return self.property_text(d.name, signature.result, d.doc, is_writable(member))

    def property_text(self, name: str, result: str, doc: str, writable: bool) -> str:
        text = block(f"@property\ndef {name}(self) -> {result}:", docstring(doc))
        if writable:
            text += f"\n@{name}.setter\ndef {name}(self, value: {result}) -> None: ..."
        return text

    def class_(self, name: str, declared: Sequence[Declaration]) -> str:
        value = getattr(self.module, name, None)
        own = [d for d in self.declared if d.kind == "class" and d.name == name]
        bases = own[0].signature if own and own[0].signature else self.bases(value)
        doc = own[0].doc if own else vars(value).get("__doc__") or ""
        members = [docstring(doc)] if doc else []
        for _name, group in grouped(declared):
            if group[0].kind == "property":
                members.append(self.property(group[-1], value))
            else:
                members.append(self.function(group))
        known = {d.name for d in declared}
        if inspect.isclass(value) and not issubclass(value, BaseException):
            members += self.seen_members(name, value, known)
        text = block(f"class {name}{bases}:", "\n".join(members))
        closed = inspect.isclass(value) and not value.__flags__ & SUBCLASSABLE
        return f"@final\n{text}" if closed else text

    # --- seen -------------------------------------------------------------------------------
    def bases(self, value: Any) -> str:
        names = []
        for base in value.__bases__:
            if base is tuple:
                names.append("builtins.tuple[Any, ...]")
            elif base.__module__ == "builtins" and base is not object:
                names.append(f"builtins.{base.__name__}")
            elif base.__name__ in self.classes:
                names.append(base.__name__)
        return f"({', '.join(names)})" if names else ""

    def seen_members(self, owner: str, value: type, known: set[str]) -> list[str]:
        """Members of a class that no declaration names, read from the class itself."""
        members = []
        tensor = owner == "Tensor"
        plain = value.__bases__ == (object,)
        for name, member in sorted(vars(value).items()):
            if name in UNSAID or name in known or name.startswith("_pybind11"):
                continue
            special = name.startswith("__") and name.endswith("__")
            if special and not plain:  # inherited from a built-in class, whose signatures hold
                continue
            if name == "__hash__":
                continue
            if name in ("__init__", "__new__"):
                if not (tensor or (name == "__new__" and "__init__" in vars(value))):
                    first = "self" if name == "__init__" else "cls"
                    signature = self.seen(None, name, f"{owner}.{name}", first)
                    members.append(self.definition(name, signature))
                continue
            if name in {f"__{c}__" for c in COMPARE} and not tensor:
                if name not in OVERRIDES:
                    text = "(other: Any, /) -> bool"
                    signature = parse(text, owner, self.qualifier, first="self")
                    members.append(self.definition(name, signature))
                continue
            members.append(self.seen_member(owner, value, name, member))
        if tensor and "__hash__" not in known:
            members.append(f"def __hash__(self) -> {self.qualifier.text('int')}: ...")
        return members

    def seen_member(self, owner: str, value: type, name: str, member: Any) -> str:
        where = f"{owner}.{name}"
        if (
            isinstance(member, property)
            or inspect.isgetsetdescriptor(member)
            or inspect.ismemberdescriptor(member)
        ):
            result = self.seen(property_signature(member), name, where, "self").result
            return self.property_text(name, result, plain_doc(member), is_writable(member))
        if isinstance(member, value):
            return f"{name}: {self.qualifier.text(owner)}"
        if not (callable(member) or isinstance(member, staticmethod | classmethod)):
            return f"{name}: Any"
        target = getattr(value, name)
        if isinstance(member, classmethod) or type(member).__name__ == "classmethod_descriptor":
            first, lines = "cls", ["@classmethod"]
        elif isinstance(member, staticmethod):
            first, lines = "", ["@staticmethod"]
        else:
            first, lines = "self", []
        text = first_signature(target)
        if name.startswith("__"):
            table = TENSOR_SPECIAL | SPECIAL if owner == "Tensor" else SPECIAL
            text = table.get(name, text)
            if name == "__call__" and hasattr(value, "__enter__"):
                text = "(function: _F, /) -> _F"  # a context that is also a decorator
        signature = self.seen(text, name, where, first)
        return "\n".join([*lines, self.definition(name, signature, docstring(plain_doc(target)))])

    def seen(self, text: str | None, name: str, where: str, first: str) -> Signature:
        """A signature found by looking; what is not understood becomes Any."""
        text = text or SPECIAL.get(name) or ANYTHING
        try:
            signature = parse(text, where, self.qualifier, first=first)
        except StubError:
            return parse(ANYTHING, where, self.qualifier, first=first)
        if any(self.unknown(used) for used in signature.names):
            return parse(ANYTHING, where, self.qualifier, first=first)
        self.used |= signature.names
        return signature

    def rest(self) -> list[str]:
        """Public attributes of the module that no declaration names."""
        known = {d.name for d in self.declared if not d.owner}
        parts = []
        for name, value in sorted(vars(self.module).items()):
            if name in known or inspect.ismodule(value) or inspect.isclass(value):
                continue
            if name.startswith("__") and name != "__version__":
                continue
            if callable(value):
                signature = self.seen(first_signature(value), name, name, "")
                parts.append(self.definition(name, signature, docstring(plain_doc(value))))
            else:
                kind = type(value).__name__
                unknown = value is None or self.unknown(kind)
                parts.append(f"{name}: {'Any' if unknown else self.qualifier.text(kind)}")
        return parts

    # --- the whole --------------------------------------------------------------------------
    def unknown(self, name: str) -> bool:
        return (
            name not in self.classes
            and name not in ALIASES
            and not hasattr(builtins, name)
            and not re.search(rf"\b{name}\b", PREAMBLE)
        )

    def text(self) -> str:
        members: dict[str, list[Declaration]] = {name: [] for name in self.class_order()}
        functions = []
        for d in self.declared:
            if d.owner:
                if d.owner not in members:
                    raise StubError(f"{d.owner}.{d.name}: no such class")
                members[d.owner].append(d)
            elif d.kind == "function":
                functions.append(d)
            elif d.kind != "class":
                raise StubError(f"{d.name}: a {d.kind} without an owner")
        classes = [self.class_(name, declared) for name, declared in members.items()]
        parts = [self.function(group) for _, group in grouped(functions)]
        parts += self.rest()
        parts.append(f"__declarations__: {self.qualifier.text('list[dict[str, str]]')}")
        for name in sorted(self.used):
            if self.unknown(name):
                raise StubError(f"a signature uses {name!r}, which nothing defines")
        return "\n".join([PREAMBLE, *self.aliases(), "", *classes, "", *parts, ""])

    def aliases(self) -> list[str]:
        lines = []
        public = getattr(self.module, "__all__", None)
        if public is not None:
            names = "".join(f"    {name!r},\n" for name in sorted(public))
            lines.append(f"__all__ = [\n{names}]")
        for name in sorted(self.qualifier.renamed):
            lines.append(f"_{name}: TypeAlias = {name}")
        for name, value in ALIASES.items():
            if name in self.used and name not in self.classes:
                known = " | ".join(
                    part for part in value.split(" | ") if not self.unknown(part.split("[")[0])
                    or "." in part
                )  # fmt: skip
                lines.append(f"{name}: TypeAlias = {self.qualifier.text(known or 'Any')}")
        return lines

    def class_order(self) -> list[str]:
        """Declared classes as declared, the others after their bases."""
        names = [d.name for d in self.declared if d.kind == "class"]
        found = [
            (len(value.__mro__), name)
            for name, value in vars(self.module).items()
            if inspect.isclass(value) and not name.startswith("_") and name not in names
        ]
        return [name for _, name in sorted(found)] + names


def grouped(declared: Sequence[Declaration]) -> list[tuple[str, list[Declaration]]]:
    groups: dict[str, list[Declaration]] = {}
    for d in declared:
        groups.setdefault(d.name, []).append(d)
    return list(groups.items())


def is_writable(member: Any) -> bool:
    if isinstance(member, property):
        return member.fset is not None
    # A descriptor of C does not say whether it can be set; by convention its docstring does.
    return inspect.isgetsetdescriptor(member) and "(writable)" in (member.__doc__ or "")


TYPED_LINE = re.compile(r"(\w*)(\(.*\))? ?(-> .+)$")


def first_signature(value: Any) -> str | None:
    """'(a: int) -> str' from the first line of a docstring, or a text signature."""
    found = TYPED_LINE.match((getattr(value, "__doc__", None) or "").split("\n")[0])
    if found and found.group(2):
        return f"{found.group(2)} {found.group(3)}"
    text = getattr(value, "__text_signature__", None)
    return re.sub(r"\$(self|type|module)(, )?(/, )?", "", str(text)) if text else None


def property_signature(member: Any) -> str | None:
    """'() -> int' of a descriptor whose docstring begins with '-> int' or 'name() -> int'."""
    found = TYPED_LINE.match((member.__doc__ or "").split("\n")[0])
    if found:
        return f"() {found.group(3)}"
    return first_signature(getattr(member, "fget", None))


def plain_doc(value: Any) -> str:
    """The docstring without the line that says the types; none of those Python writes itself."""
    if type(value).__name__ in ("wrapper_descriptor", "method-wrapper"):
        return ""
    doc = getattr(value, "__doc__", None) or ""
    first, _, rest = doc.partition("\n")
    return rest.strip() if TYPED_LINE.match(first) else doc


def generate(module: ModuleType) -> str:
    text = Writer(module).text()
    compile(text, "_nnx.pyi", "exec", dont_inherit=True)
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="write _nnx.pyi")
    parser.add_argument("--module", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    try:
        text = generate(load(options.module))
    except StubError as error:
        print(f"_nnx.pyi: {error}", file=sys.stderr)
        return 1
    options.output.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
