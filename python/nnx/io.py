"""Files: `nnx.save` and `nnx.load`, in the safetensors format.

A plain dict of names and tensors is an ordinary safetensors file that other programs read. What
else is nested in dicts and lists (a checkpoint with an optimiser's state) goes along as JSON in
the file's metadata, tensors replaced by their names, with a checksum of the whole. Nothing in a
file is ever executed.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Mapping
from typing import Any

from nnx._errors import FileError, MissingFileError, describe, fail
from nnx._nnx import ArgumentError, DTypeError, Tensor, asarray
from nnx._optional import need

_TREE = "nnx.tree"  # the metadata key of what is not a plain dict of tensors
_CHECK = "nnx.crc32"  # the metadata key of the checksum of such an object and its tensors
_MARK = "__tensor__"

# The format's names of dtypes, and ours.
_DTYPES = {
    "BOOL": "bool",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}


def save(obj: Any, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
    """Writes tensors to a safetensors file; a file that is there is replaced in one step, or not
    touched at all.

    Args:
        obj: a module (its state_dict), a dict of names and tensors, or dicts and lists of
            tensors, numbers, strings, None.
        path: the file, by custom `*.safetensors`.
        metadata: texts to go along.

    Dtypes: all but complex128, which the format has not.
    Raises: DTypeError for an object that cannot be stored, FileError for a path that cannot be
        written, MissingPackageError without safetensors.
    Source: the format of <https://github.com/huggingface/safetensors>.

    Example:
        >>> import tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "layer.safetensors")
        >>> layer = nn.Dense(3, 2)
        >>> nnx.save(layer, path)
        >>> nn.Dense(3, 2).load_state_dict(nnx.load(path))
        <all keys matched>
    """
    _path_of("save", path)
    package = need("safetensors", "save")
    if hasattr(obj, "state_dict"):
        obj = obj.state_dict()
    texts = dict(metadata or {})
    for key, value in texts.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise fail(DTypeError, "save", "metadata must be texts", describe({key: value}))
    tensors: dict[str, Tensor] = {}
    if _is_flat(obj):
        tensors.update(obj)
    else:
        import json

        texts[_TREE] = json.dumps(_pack(obj, "", tensors))
    entries: dict[str, Any] = {}
    alive = {}  # the arrays whose memory the entries point to
    for name, tensor in tensors.items():
        array, dtype = _bytes_of(name, tensor)
        alive[name] = array
        entries[name] = _entry(package, dtype, tuple(tensor.shape), array)
    if _TREE in texts:
        texts[_CHECK] = _checksum(texts[_TREE], alive)

    def write(temporary: str) -> None:
        try:
            package.serialize_file(entries, temporary, texts)
        except package.SafetensorError as error:  # a full disk, for one
            raise OSError(str(error)) from error

    replace_file("save", os.fspath(path), write)


def load(path: str | os.PathLike[str], device: Any = None) -> Any:
    """Reads what `save` wrote, or any safetensors file: a dict of names and tensors, or the
    object it was saved from.

    Raises: MissingFileError, and FileError for a file that is truncated, corrupt or of another
        format; MissingPackageError without safetensors.

    Example:
        >>> import tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "checkpoint.safetensors")
        >>> nnx.save({"epoch": 3, "weights": [nnx.ones(2)]}, path)
        >>> nnx.load(path)["epoch"]
        3
    """
    _path_of("load", path)
    package = need("safetensors", "load")
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError as error:
        raise fail(MissingFileError, "load", "the file does not exist", os.fspath(path)) from error
    except OSError as error:
        raise fail(FileError, "load", "the file cannot be read", f"{path} ({error})") from error
    try:
        entries = package.deserialize(content)
    except package.SafetensorError as error:
        hint = ""
        if content[:2] == b"PK" or content[:1] == b"\x80":
            hint = "this looks like a file of torch.save; write it with safetensors.torch instead"
        rule = "the file must be a whole safetensors file"
        received = f"{path}, {len(content)} bytes ({error})"
        raise fail(FileError, "load", rule, received, hint) from error
    texts = _metadata(content)
    tree = texts.get(_TREE)
    if tree is not None and _CHECK in texts:
        found = _checksum(tree, {name: entry["data"] for name, entry in entries})
        if found != texts[_CHECK]:
            rule = "the checksum of the file must be that of its contents: it was damaged"
            received = f"{path}, checksum {found} instead of {texts[_CHECK]}"
            raise fail(FileError, "load", rule, received)
    tensors = {name: _tensor_of(name, entry, device) for name, entry in entries}
    if tree is None:
        return tensors
    import json

    try:
        return _unpack(json.loads(tree), tensors)
    except (KeyError, TypeError, ValueError) as error:
        rule = "the description of the saved object must fit its tensors"
        raise fail(FileError, "load", rule, f"{path} ({error})") from error


def _path_of(op: str, path: Any) -> None:
    if not isinstance(path, str | os.PathLike):
        raise fail(DTypeError, op, "the path must be a string or a Path", describe(path, "path"))


def _is_flat(obj: Any) -> bool:
    return isinstance(obj, Mapping) and all(
        isinstance(k, str) and isinstance(v, Tensor) for k, v in obj.items()
    )


def _pack(value: Any, name: str, tensors: dict[str, Tensor]) -> Any:
    """JSON for a value; its tensors are put into `tensors` under their dotted names."""
    if isinstance(value, Tensor) or hasattr(value, "__array__"):
        tensor = value if isinstance(value, Tensor) else asarray(value)
        unique = name or "tensor"
        while unique in tensors:  # {"a.b": ..., "a": {"b": ...}}
            unique += "'"
        tensors[unique] = tensor
        return {_MARK: unique}
    if hasattr(value, "state_dict"):
        value = value.state_dict()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    below = f"{name}." if name else ""
    if isinstance(value, Mapping):
        # Keys keep their type: a list of pairs where they are not all strings.
        if all(isinstance(key, str) for key in value):
            return {"dict": {k: _pack(v, f"{below}{k}", tensors) for k, v in value.items()}}
        pairs = [[_key(k), _pack(v, f"{below}{k}", tensors)] for k, v in value.items()]
        return {"pairs": pairs}
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_pack(v, f"{below}{i}", tensors) for i, v in enumerate(value)]}
    rule = "only tensors, numbers, strings, None, and dicts and lists of them can be saved"
    raise fail(DTypeError, "save", rule, f"{describe(value)} at {name or 'the top'}")


def _key(key: Any) -> Any:
    if isinstance(key, bool | int | float | str):
        return key
    raise fail(DTypeError, "save", "keys must be strings or numbers", describe(key))


def _unpack(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == _MARK:
        return tensors[content]
    if kind == "dict":
        if not isinstance(content, dict):
            raise TypeError(f"dict holds {type(content).__name__}")
        return {k: _unpack(v, tensors) for k, v in content.items()}
    if not isinstance(content, list):
        raise TypeError(f"{kind} holds {type(content).__name__}")
    if kind == "pairs":
        return {k: _unpack(v, tensors) for k, v in content}
    parts = [_unpack(v, tensors) for v in content]
    return tuple(parts) if kind == "tuple" else parts


def _bytes_of(name: str, tensor: Tensor) -> tuple[Any, str]:
    """A contiguous array with the bytes of a tensor, and the name of its dtype."""
    import numpy as np

    dtype = str(tensor.dtype).rpartition(".")[2]
    if dtype not in _DTYPES.values():
        raise fail(DTypeError, "save", f"{dtype} cannot be stored", describe(tensor, name))
    plain = tensor.detach().to("cpu")
    if dtype == "bfloat16":  # NumPy has no such type: its bits travel as uint16
        from nnx._nnx import uint16

        plain = plain.contiguous().view(uint16)
    return np.ascontiguousarray(np.asarray(plain)), dtype


def _entry(package: Any, dtype: str, shape: tuple[int, ...], array: Any) -> Any:
    if hasattr(package, "TensorSpec"):
        return package.TensorSpec(
            dtype=dtype, shape=shape, data_ptr=array.ctypes.data, data_len=array.nbytes
        )
    return {"dtype": dtype, "shape": shape, "data": array.tobytes()}


def _tensor_of(name: str, entry: Any, device: Any) -> Tensor:
    import numpy as np

    from nnx import _nnx

    dtype = _DTYPES.get(entry["dtype"])
    if dtype is None:
        rule = f"{name} must have a dtype that nnx has"
        raise fail(FileError, "load", rule, f"{name} {entry['dtype']}")
    kind = np.uint16 if dtype == "bfloat16" else np.dtype(dtype)
    # A writable copy in aligned memory, so that the tensor can be trained.
    array = np.frombuffer(entry["data"], kind).reshape(entry["shape"])
    tensor = _nnx.tensor(array)
    if dtype == "bfloat16":
        tensor = tensor.view(_nnx.bfloat16)
    return tensor if device is None else tensor.to(device)


def _metadata(content: bytes) -> dict[str, str]:
    import json

    size = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + size]).get("__metadata__", {})
    return found


def _checksum(tree: str, parts: Mapping[str, Any]) -> str:
    """CRC-32 of an object's description and of the bytes of its tensors by name."""
    import zlib

    found = zlib.crc32(tree.encode())
    for name in sorted(parts):
        found = zlib.crc32(parts[name], zlib.crc32(name.encode(), found))
    return f"{found:08x}"


def replace_file(op: str, path: str, write: Callable[[str], None]) -> None:
    """Has `write(temporary)` write a neighbour of a file, and puts it in its place in one step.

    Whatever happens, the old file or the new one is there, whole. What an earlier process left
    behind when it was killed is cleared away.

    Raises: FileError where the file cannot be written, ArgumentError for a folder.

    Example:
        >>> import tempfile, os, pathlib
        >>> path = os.path.join(tempfile.mkdtemp(), "note.txt")
        >>> nnx.io.replace_file("note", path, lambda p: pathlib.Path(p).write_text("hello"))
        >>> os.listdir(os.path.dirname(path))
        ['note.txt']
    """
    import tempfile

    if os.path.isdir(path):
        raise fail(ArgumentError, op, "the path must be a file", f"{path} is a folder")
    path = os.path.realpath(path)  # a link stays one
    folder, name = os.path.split(path)
    stem = f".{name[:100]}.{_host()}-"
    temporary = ""
    try:
        _sweep(folder, stem)
        handle, temporary = tempfile.mkstemp(
            prefix=f"{stem}{os.getpid()}-", suffix=".part", dir=folder
        )
        os.close(handle)
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
        temporary = ""
        _sync_folder(folder)
    except OSError as error:
        if isinstance(error, FileError):
            raise
        hint = "" if os.path.isdir(folder) else f"the folder {folder} does not exist; make it first"
        if error.errno == errno.ENOSPC or "No space left" in str(error):
            hint = "the disk is full; the file that was there before is untouched"
        raise fail(
            FileError, op, "the file cannot be written", f"{path} ({error})", hint
        ) from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _host() -> str:
    import platform

    return "".join(c if c.isalnum() else "_" for c in platform.node())[:32]


def _sweep(folder: str, stem: str) -> None:
    """Removes what killed processes of this machine left of a file."""
    for entry in os.scandir(folder):
        if entry.name.startswith(stem) and entry.name.endswith(".part"):
            process = entry.name[len(stem) :].partition("-")[0]
            if process.isdigit() and not _runs(int(process)):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _sync_folder(folder: str) -> None:
    """Makes the new name survive a power cut too; some file systems know no such thing."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _mode(path: str) -> int:
    """The permissions of the file that is replaced, or those that a new one gets."""
    try:
        return os.stat(path).st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
