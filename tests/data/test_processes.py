"""Worker processes: the same batches, errors with their story, and what cannot be sent."""

from __future__ import annotations

import gc
import importlib
import os
import pathlib
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import nnx
import pytest
from nnx.data import DataLoader, Dataset

MODULE = """
import os, random, time
import numpy as np
import nnx
from nnx.data import Dataset, IterableDataset, batch_generator, get_worker_info

class Where(Dataset):
    def __init__(self, n=8): self.n = n
    def __len__(self): return self.n
    def __getitem__(self, i): return i, os.getpid(), get_worker_info().id

class Draws(Dataset):
    def __len__(self): return 12
    def __getitem__(self, i):
        return (i, nnx.rand(1), np.random.rand(), random.random(),
                nnx.rand(1, generator=batch_generator()))

class Fails(Dataset):
    def __len__(self): return 8
    def __getitem__(self, i):
        if i == 5: raise KeyError("five")
        return i

class Sleeps(Fails):
    def __getitem__(self, i):
        time.sleep(0.5 if i == 3 else 0)
        return i

class Odd(Exception):
    def __init__(self, a, b): super().__init__(f"{a} {b}")

class FailsOddly(Fails):
    def __getitem__(self, i): raise Odd(1, 2)

class Dies(Fails):
    def __getitem__(self, i):
        if i == 5: os._exit(9)
        return i

class Stream(IterableDataset):
    def __iter__(self): return iter(range(7))

class Large(Dataset):
    def __len__(self): return 6
    def __getitem__(self, i): return nnx.full((300, 1000), i)

def to_sum(samples): return sum(samples)
def init(worker):
    os.environ["STARTED"] = str(worker)
class Started(Fails):
    def __getitem__(self, i): return int(os.environ["STARTED"])
"""


@pytest.fixture
def kit(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "nnx_test_kit.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("nnx_test_kit")
    del sys.modules["nnx_test_kit"]


def notes(error: BaseException) -> str:
    return "\n".join(getattr(error, "__notes__", []))


def processes(dataset: Any, batch_size: int | None = 2, **options: Any) -> DataLoader:
    options = {"num_workers": 2, **options}
    return DataLoader(dataset, batch_size, worker_type="process", **options)


def test_processes_make_the_same_batches(kit: Any) -> None:
    loader = processes(kit.Where())
    got = list(loader)
    assert [v for i, _, _ in got for v in i.tolist()] == list(range(8))
    pids = {int(p) for _, pid, _ in got for p in pid}
    assert os.getpid() not in pids and 1 <= len(pids) <= 2
    assert {int(w) for _, _, worker in got for w in worker} <= {0, 1}
    assert [b.tolist() for b in processes(kit.Stream(), 3)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(processes(kit.Fails(), 2, sampler=[1, 2, 3, 4], collate_fn=kit.to_sum)) == [3, 7]
    assert [b[0, 0, 0].item() for b in processes(kit.Large())] == [0, 2, 4]
    started = processes(kit.Started(), 1, worker_init_fn=kit.init)
    assert {int(b) for b in started} <= {0, 1}


def test_random_numbers_in_processes(kit: Any) -> None:
    def epoch(workers: int) -> Any:
        nnx.manual_seed(2)
        return [[c.tolist() for c in b] for b in processes(kit.Draws(), 3, num_workers=workers)]

    one = epoch(1)
    assert one == epoch(2)
    assert len({v for b in one for v in b[2]}) == 12 == len({v for b in one for v in b[3]})
    nnx.manual_seed(2)
    inline = [b[4].tolist() for b in DataLoader(kit.Draws(), 3)]
    assert inline == [b[4] for b in one]


def test_processes_can_be_kept(kit: Any) -> None:
    loader = processes(kit.Where(), persistent_workers=True)
    first, second = ({int(p) for _, pid, _ in loader for p in pid} for _ in range(2))
    assert first | second and len(first | second) <= 2
    for _ in loader:  # leaving early costs the processes, not the loader
        break
    assert [v for i, _, _ in loader for v in i.tolist()] == list(range(8))
    stream = processes(kit.Stream(), 4, persistent_workers=True)
    for _ in range(2):
        assert [b.tolist() for b in stream] == [[0, 1, 2, 3], [4, 5, 6]]
    children = [c.process for c in loader._idle]
    assert children and all(c.is_alive() for c in children)
    del loader
    gc.collect()
    assert not any(c.is_alive() for c in children)


def test_what_a_kept_process_was_at_is_not_taken_for_the_next_epochs(kit: Any) -> None:
    loader = processes(kit.Sleeps(), 1, num_workers=1, persistent_workers=True)
    for b in loader:
        if int(b) == 2:
            break
    assert [int(b) for b in loader] == list(range(8))


def test_errors_of_processes(kit: Any) -> None:
    got = []
    with pytest.raises(KeyError, match="five") as caught:
        for b in processes(kit.Fails()):
            got += b.tolist()
    assert got == [0, 1, 2, 3]
    assert "dataset[5]" in notes(caught.value) and "worker process" in notes(caught.value)
    with pytest.raises(nnx.Error, match="Odd: 1 2"):  # an error that cannot be sent as it is
        list(processes(kit.FailsOddly()))
    with pytest.raises(nnx.Error, match=r"ended before its work was done(.|\n)*exit code 9"):
        list(processes(kit.Dies()))


def test_what_cannot_be_sent(kit: Any) -> None:
    class Local(Dataset[int]):
        def __len__(self) -> int:
            return 4

    with pytest.raises(nnx.DTypeError, match=r"a \.py file") as caught:
        list(processes(Local()))
    assert "thread" in str(caught.value)
    data = kit.Fails()
    data.f = lambda x: x
    with pytest.raises(nnx.DTypeError, match="lambda"):
        list(processes(data))
    with pytest.raises(nnx.ArgumentError, match="spawn"):
        list(processes(kit.Where(), multiprocessing_context="spoon"))


def test_a_class_of_a_notebook(tmp_path: pathlib.Path) -> None:
    code = """
import nnx
class Data(nnx.data.Dataset):
    def __len__(self): return 3
    def __getitem__(self, i): return i
try:
    list(nnx.data.DataLoader(Data(), num_workers=1, worker_type="process"))
except nnx.DTypeError as error:
    print("thread" in str(error) and "notebook" in str(error))
print([int(b) for b in nnx.data.DataLoader(Data(), num_workers=2)])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("True\n[0, 1, 2]\n", "")


def test_a_script_without_a_guard_is_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "main.py"
    text = """
        import nnx
        class Data(nnx.data.Dataset):
            def __len__(self): return 3
            def __getitem__(self, i): return i
        list(nnx.data.DataLoader(Data(), num_workers=1, worker_type="process"))
        """
    path.write_text(textwrap.dedent(text))
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and '__name__ == "__main__"' in done.stderr.splitlines()[-1]
