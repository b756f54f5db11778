"""Batches made ahead: the same ones in the same order, errors at their place, and nothing left."""

from __future__ import annotations

import gc
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from typing import Any

import nnx
import numpy as np
import pytest
from nnx.data import DataLoader, Dataset, IterableDataset, batch_generator, get_worker_info


class Slow(Dataset[Any]):
    """Samples that take different times, so that threads would finish out of order."""

    def __init__(self, n: int = 24, seconds: float = 0.002) -> None:
        self.n, self.seconds = n, seconds
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: int) -> Any:
        self.read.append(i)
        time.sleep(self.seconds * ((i * 7) % 5) / 2)
        return np.float32(i), i * i


def workers_alive() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("nnx-data") and t.is_alive()]


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    gc.collect()
    ends = time.monotonic() + 5
    while workers_alive() and time.monotonic() < ends:
        time.sleep(0.01)
    assert workers_alive() == []


def contents(loader: Any) -> list[Any]:
    return [[t.tolist() for t in batch] for batch in loader]


# --- the same batches -----------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("shuffle", [False, True])
def test_order_and_content_do_not_depend_on_workers(workers: int, shuffle: bool) -> None:
    found = []
    for count in (0, workers):
        g = nnx.Generator().manual_seed(5)
        loader = DataLoader(Slow(), 5, shuffle, num_workers=count, generator=g)
        found.append([contents(loader), contents(loader)])
    assert found[0] == found[1]
    assert len(found[0][0]) == 5 and len(found[0][0][-1][0]) == 4
    assert (found[0][0] != found[0][1]) is shuffle


def test_numbers_drawn_within_the_dataset() -> None:
    class Noisy(Slow):
        def __getitem__(self, i: int) -> Any:
            time.sleep(0.002 * (i % 3))
            return i + nnx.rand(2, generator=batch_generator())

    found = []
    for workers in (0, 1, 4):
        nnx.manual_seed(3)
        loader = DataLoader(Noisy(12), 3, num_workers=workers)
        found.append([[b.tolist() for b in loader] for _ in range(2)])
    assert found[0] == found[1] == found[2]
    values = [round(v % 1, 6) for epoch in found[0] for b in epoch for row in b for v in row]
    assert len(set(values)) > 44  # 48 independent draws; two may agree in six digits
    nnx.manual_seed(4)
    assert [b.tolist() for b in DataLoader(Noisy(12), 3)] != found[0][0]


def test_batch_generator_outside_of_a_loader_is_the_usual_one() -> None:
    nnx.manual_seed(1)
    first = nnx.rand(3, generator=batch_generator())
    nnx.manual_seed(1)
    assert first.tolist() == nnx.rand(3).tolist()
    for _ in DataLoader(Slow(2), 1):
        nnx.manual_seed(1)
        assert first.tolist() == nnx.rand(3, generator=batch_generator()).tolist()


def test_single_samples_and_a_collate_of_ones_own() -> None:
    single = list(DataLoader(Slow(7), None, num_workers=2))
    assert [y for _, y in single] == [i * i for i in range(7)]
    loader = DataLoader(Slow(7), 3, num_workers=2, collate_fn=lambda s: sum(y for _, y in s))
    assert list(loader) == [5, 50, 36]


def test_a_dataset_with_getitems_is_asked_once_a_batch() -> None:
    class Many(Slow):
        def __getitems__(self, indices: list[int]) -> list[Any]:
            return [(float(i), -i) for i in indices]

    assert [y.tolist() for _, y in DataLoader(Many(3), 2)] == [[0, -1], [-2]]


def test_workers_run_at_the_same_time() -> None:
    meeting = threading.Barrier(3, timeout=10)

    class Meet(Slow):
        def __getitem__(self, i: int) -> int:
            meeting.wait()  # three workers must be here at once
            return i

    assert [b.tolist() for b in DataLoader(Meet(6), 1, num_workers=3)] == [[i] for i in range(6)]


def test_no_more_is_read_ahead_than_asked_for() -> None:
    data = Slow(100, seconds=0)
    batches = iter(DataLoader(data, 2, num_workers=2, prefetch_factor=3))
    next(batches)
    time.sleep(0.2)
    # the batch delivered, and up to 2 * 3 more
    assert 2 <= len(data.read) <= 2 * 7
    batches.close()  # type: ignore[attr-defined]


def test_init_and_info() -> None:
    seen = []
    started: list[int] = []

    class Asks(Slow):
        def __getitem__(self, i: int) -> int:
            info = get_worker_info()
            assert info is not None and info.dataset is self
            seen.append((info.id, info.num_workers))
            time.sleep(0.01)
            return i

    list(DataLoader(Asks(8), 1, num_workers=2, worker_init_fn=started.append))
    assert sorted(started) == [0, 1] and {n for _, n in seen} == {2}
    assert get_worker_info() is None


# --- streams --------------------------------------------------------------------------------------


class Stream(IterableDataset[int]):
    def __init__(self, n: int, fails_at: int = -1) -> None:
        self.n, self.fails_at = n, fails_at

    def __iter__(self) -> Iterator[int]:
        for i in range(self.n):
            if i == self.fails_at:
                raise ValueError("a broken record")
            yield i


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_streams(workers: int) -> None:
    def batches(n: int, **options: Any) -> list[list[int]]:
        loader = DataLoader(Stream(n), num_workers=workers, **options)
        return [b.tolist() for b in loader]

    assert batches(5, batch_size=2) == [[0, 1], [2, 3], [4]]
    assert batches(5, batch_size=2, drop_last=True) == [[0, 1], [2, 3]]
    assert batches(4, batch_size=2) == [[0, 1], [2, 3]] and batches(0, batch_size=2) == []
    assert list(DataLoader(Stream(3), None, num_workers=workers)) == [0, 1, 2]
    loader = DataLoader(Stream(3), 2, num_workers=workers)
    assert [b.tolist() for b in loader] == [b.tolist() for b in loader] == [[0, 1], [2]]
    got = []
    with pytest.raises(ValueError, match="broken record"):
        for b in DataLoader(Stream(9, fails_at=5), 2, num_workers=workers):
            got.append(b.tolist())
    assert got == [[0, 1], [2, 3]]


def test_streams_have_no_order_of_ours() -> None:
    for options in ({"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}):
        with pytest.raises(nnx.ArgumentError, match="own order"):
            DataLoader(Stream(3), **options)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="length"):
        len(DataLoader(Stream(3)))

    class Known(Stream):
        def __len__(self) -> int:
            return self.n

    assert len(DataLoader(Known(5), 2)) == 3
    assert len(DataLoader(Known(5), 2, drop_last=True)) == 2
    assert len(DataLoader(Known(5) + Known(2), None)) == 7


# --- errors ---------------------------------------------------------------------------------------


class Broken(Slow):
    def __getitem__(self, i: int) -> Any:
        if i == 13:
            raise FileNotFoundError("picture_13.png")
        return super().__getitem__(i)


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_an_error_comes_at_its_place_and_names_the_sample(workers: int) -> None:
    got = []
    with pytest.raises(FileNotFoundError, match="picture_13") as caught:
        for _, y in DataLoader(Broken(), 4, num_workers=workers):
            got += y.tolist()
    assert got == [i * i for i in range(12)]
    assert "dataset[13]" in notes(caught.value) and "24 samples" in notes(caught.value)
    assert caught.traceback[-1].name == "__getitem__"  # the traceback leads to the user's code


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_of_all_kinds(workers: int) -> None:
    class Stops(Slow):
        def __getitem__(self, i: int) -> Any:
            if i == 3:
                raise StopIteration
            return i

    with pytest.raises(RuntimeError, match=r"dataset\[3\] raised StopIteration"):
        list(DataLoader(Stops(6), 2, num_workers=workers))

    class Longer(Slow):  # a length that lies
        def __getitem__(self, i: int) -> Any:
            return [10, 11, 12][i]

    with pytest.raises(IndexError) as caught:
        list(DataLoader(Longer(6), 2, num_workers=workers))
    assert "dataset[3]" in notes(caught.value)

    def bad_collate(samples: Any) -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(DataLoader(Slow(6), 2, num_workers=workers, collate_fn=bad_collate))

    def bad_sampler() -> Iterator[int]:
        yield from (0, 1, 2)
        raise LookupError("sampler")

    got = []
    with pytest.raises(LookupError, match="sampler"):
        for _, y in DataLoader(Slow(6, 0), 1, sampler=bad_sampler(), num_workers=workers):
            got += y.tolist()
    assert got == [0, 1, 4]

    class Forgets(Slow):
        def __getitem__(self, i: int) -> None:
            self.read.append(i)

    with pytest.raises(nnx.DTypeError, match="return"):
        list(DataLoader(Forgets(2), 2, num_workers=workers))


def test_the_sample_is_named_where_batches_are_gathered() -> None:
    def f(x: nnx.Tensor) -> nnx.Tensor:
        if float(x) == 5:
            raise ValueError("five")
        return x

    data = nnx.data.TransformedDataset(nnx.data.TensorDataset(nnx.arange(9.0)), f)
    for options in ({}, {"num_workers": 2}, {"shuffle": True}):
        with pytest.raises(ValueError, match="five") as caught:
            list(DataLoader(data, 4, **options))  # type: ignore[arg-type]
        assert "dataset[5]" in notes(caught.value)


def test_a_worker_that_cannot_start() -> None:
    def init(worker: int) -> None:
        raise PermissionError("camera")

    with pytest.raises(PermissionError, match="camera"):
        list(DataLoader(Slow(4), 2, num_workers=2, worker_init_fn=init))


def test_timeout() -> None:
    class Hangs(Slow):
        def __getitem__(self, i: int) -> int:
            time.sleep(0.6 if i == 2 else 0)
            return i

    got = []
    with pytest.raises(nnx.Error, match=r"timeout of 0.1 s"):
        for b in DataLoader(Hangs(4), 1, num_workers=1, timeout=0.1):
            got += b.tolist()
    assert got == [0, 1]


# --- the end --------------------------------------------------------------------------------------


def test_leaving_early_ends_the_threads() -> None:
    data = Slow(1000)
    for batch in DataLoader(data, 2, num_workers=3):
        assert batch[1].tolist() == [0, 1]
        break
    time.sleep(0.1)
    assert workers_alive() == [] and len(data.read) < 40
    it = iter(DataLoader(data, 2, num_workers=3))
    next(it)
    assert workers_alive()
    del it  # and what is dropped
    with pytest.raises(ZeroDivisionError):
        for _ in DataLoader(data, 2, num_workers=3):
            _ = 1 / 0


def test_two_at_once() -> None:
    loader = DataLoader(Slow(9), 2, num_workers=2)
    both = list(zip(loader, loader, strict=True))
    assert len(both) == 5 and all(a[1].tolist() == b[1].tolist() for a, b in both)


def test_a_thread_that_trains_can_use_it_too() -> None:
    found: list[Any] = []
    loader = DataLoader(Slow(9), 2, num_workers=2)
    threads = [threading.Thread(target=lambda: found.append(contents(loader))) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert len(found) == 3 and found[0] == found[1] == found[2]


def test_fork_in_the_middle() -> None:
    """The child has none of the threads, and finishes the epoch all the same."""
    it = iter(DataLoader(Slow(16), 2, num_workers=2))
    next(it)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.alarm(20)
            left = [y.tolist() for _, y in it]
            again = [y.tolist() for _, y in DataLoader(Slow(4), 2, num_workers=2)]
            os.write(write, repr((left, again)).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    said = b""
    while piece := os.read(read, 4096):
        said += piece
    assert os.waitpid(pid, 0)[1] == 0
    left = [y.tolist() for _, y in it]
    assert eval(said.decode()) == (left, [[0, 1], [4, 9]])
    assert left == [[i * i, (i + 1) ** 2] for i in range(2, 16, 2)]


def script(tmp_path: pathlib.Path, text: str) -> pathlib.Path:
    path = tmp_path / "main.py"
    path.write_text(textwrap.dedent(text))
    return path


def test_a_script_that_ends_in_the_middle(tmp_path: pathlib.Path) -> None:
    path = script(
        tmp_path,
        """
        import numpy as np, nnx, time
        class Data(nnx.data.Dataset):
            def __len__(self): return 1000
            def __getitem__(self, i):
                x = nnx.asarray(np.ones((200, 200), np.float32))
                return (x @ x).sum()
        it = iter(nnx.data.DataLoader(Data(), 4, num_workers=4))
        next(it); next(it)
        print("end", flush=True)
        """,
    )
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


@pytest.mark.parametrize("kind", ["thread", "process"])
def test_ctrl_c(tmp_path: pathlib.Path, kind: str) -> None:
    path = script(
        tmp_path,
        f"""
        import signal, time, nnx
        signal.signal(signal.SIGINT, signal.default_int_handler)
        class Data(nnx.data.Dataset):
            def __len__(self): return 11  # so that one worker is at work, and one waits
            def __getitem__(self, i):
                time.sleep(0.05 if i < 10 else 30)
                return i
        if __name__ == "__main__":
            import threading
            try:
                loader = nnx.data.DataLoader(Data(), 2, num_workers=2, worker_type={kind!r})
                for n, b in enumerate(loader):
                    if n == 1:
                        print("ready", flush=True)
            except KeyboardInterrupt:
                print("stopped", nnx.ones(3).sum().item(), flush=True)
        """,
    )
    process = subprocess.Popen(
        [sys.executable, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of its processes
    out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("stopped 3.0\n", "", 0)


# --- options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"worker_type": "fibre"}, ValueError),
        ({"timeout": -1}, ValueError),
        ({"timeout": "long"}, TypeError),
        ({"prefetch_factor": 0}, ValueError),
        ({"worker_init_fn": 3}, TypeError),
        ({"generator": 3}, TypeError),
        ({"batch_size": None, "drop_last": True}, ValueError),
        ({"num_workers": 1.5}, TypeError),
    ],
)
def test_options_are_checked(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        DataLoader(Slow(4), **options)
    assert isinstance(caught.value, nnx.Error)


def test_hints_for_what_is_no_dataset() -> None:
    with pytest.raises(nnx.DTypeError, match="IterableDataset"):
        DataLoader(x for x in range(3))
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    with pytest.raises(nnx.DTypeError, match="from_pandas"):
        DataLoader(pandas.DataFrame({"a": [1]}))
