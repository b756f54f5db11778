"""How batches are made: by whom, in which order, with which random numbers.

A `Fetcher` makes one batch after the other. It runs in the caller (`inline`), in threads or in
processes (`prefetched`); the batches are the same and come in the same order.

Threads do the work by default: reading files, decoding, NumPy and nnx release the interpreter
lock. A worker process is driven by a thread of its own here, which sends it a task and waits for
the answer, so that order, errors, time limits and the end of an epoch are the same code for both.
"""

from __future__ import annotations

import atexit
import itertools
import os
import pickle
import sys
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from nnx._errors import describe, fail
from nnx._nnx import (
    ArgumentError,
    DTypeError,
    Error,
    Generator,
    default_generator,
    manual_seed,
    randint,
    set_num_threads,
)

_END = object()  # what a stream gives after its last batch
_local = threading.local()


# --- Random numbers and where we are --------------------------------------------------------------


@dataclass(frozen=True)
class WorkerInfo:
    """Which worker this is.

    Example:
        >>> nnx.data.get_worker_info() is None
        True
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a DataLoader: its id, num_workers, seed and dataset; None elsewhere.

    Source: the interface of PyTorch's torch.utils.data.get_worker_info.

    Example:
        >>> nnx.data.get_worker_info() is None
        True
    """
    return getattr(_local, "info", None)


def batch_generator() -> Generator:
    """The generator for random numbers within a dataset or a transform.

    While a DataLoader makes a batch, this is a generator of that batch alone, whose seed follows
    from the loader's: numbers drawn from it are the same whoever makes the batch, and whatever
    the number of workers. Elsewhere it is the generator of `nnx.manual_seed`.

    Example:
        >>> class Noisy(nnx.data.Dataset):
        ...     def __len__(self):
        ...         return 4
        ...
        ...     def __getitem__(self, i):
        ...         return i + nnx.rand(1, generator=nnx.data.batch_generator())
        >>> def epoch(workers):
        ...     g = nnx.Generator().manual_seed(1)
        ...     loader = nnx.data.DataLoader(Noisy(), 2, num_workers=workers, generator=g)
        ...     return [x.tolist() for x in loader]
        >>> epoch(0) == epoch(2)
        True
    """
    seed = getattr(_local, "seed", None)
    if seed is None:
        return default_generator
    if _local.generator is None:
        _local.generator = Generator().manual_seed(seed)
    generator: Generator = _local.generator
    return generator


def epoch_seed(generator: Any, before: Any) -> int:
    """The seed of an epoch's batches, from the generator's state before the order was drawn.

    Where drawing the order did not move the generator on (there is none to draw), one number is
    drawn, so that every epoch has its own seed.
    """
    source = generator if generator is not None else default_generator
    if source.get_state().tolist() == before.get_state().tolist():
        randint(0, 2, (1,), generator=source)
    return int(randint(0, 2**62, (1,), generator=before))


class _Seeded:
    """`with _Seeded(seed):` the batch generator of this thread has this seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __enter__(self) -> None:
        self.before = getattr(_local, "seed", None), getattr(_local, "generator", None)
        _local.seed, _local.generator = self.seed, None

    def __exit__(self, *_: object) -> None:
        _local.seed, _local.generator = self.before


# --- Making a batch -------------------------------------------------------------------------------


class Fetcher:
    """Makes a batch of a task. What a task is depends on the mode:

    "take": a tensor of indices or a slice, gathered at once; "samples": a list of indices;
    "single": an index, one sample without a batch; "stream": anything, the next batch.

    Example:
        >>> from nnx.data.workers import Fetcher
        >>> Fetcher([5, 6, 7], nnx.data.default_collate, "samples")([2, 0]).tolist()
        [7, 5]
    """

    def __init__(
        self,
        dataset: Any,
        collate_fn: Callable[[Any], Any],
        mode: str,
        batch_size: int | None = None,
        drop_last: bool = False,
    ) -> None:
        self.dataset, self.collate_fn, self.mode = dataset, collate_fn, mode
        self.batch_size, self.drop_last = batch_size, drop_last
        self.stream: Iterator[Any] | None = None
        self.many = getattr(dataset, "__getitems__", None) if mode == "samples" else None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"stream": None, "many": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.mode == "samples":
            self.many = getattr(self.dataset, "__getitems__", None)

    def __call__(self, task: Any, stop: list[bool] | tuple[()] = ()) -> Any:
        if self.mode == "samples":
            if self.many is not None:
                return self.collate_fn(self.many(task))
            return self.collate_fn(self._samples(task, stop))
        if self.mode == "take":
            try:
                return self.dataset.take(task)
            except Exception as error:
                self._name_sample(task, error)
                raise
        if self.mode == "single":
            return self.collate_fn(self._samples([task], stop)[0])
        return self._next()

    def _samples(self, indices: Any, stop: Any) -> list[Any]:
        dataset, samples, i = self.dataset, [], None
        try:
            for i in indices:
                if stop:
                    break
                samples.append(dataset[i])
        except StopIteration as error:  # within a generator it would read as the end
            rule = f"dataset[{i!r}] raised StopIteration"
            raise fail(Error, "DataLoader", rule) from error
        except Exception as error:
            error.add_note(_note(dataset, i))
            raise
        return samples

    def _name_sample(self, task: Any, error: Exception) -> None:
        """Finds the sample of a batch that cannot be made, and tells its index."""
        dataset = self.dataset
        for i in range(*task.indices(len(dataset))) if type(task) is slice else task.tolist():
            try:
                dataset[i]
            except Exception:
                error.add_note(_note(dataset, i))
                return

    def _next(self) -> Any:
        if self.stream is None:
            self.stream = iter(self.dataset)
        if self.batch_size is None:
            sample = next(self.stream, _END)
            return _END if sample is _END else self.collate_fn(sample)
        samples = list(itertools.islice(self.stream, self.batch_size))
        if not samples or (self.drop_last and len(samples) < self.batch_size):
            return _END
        return self.collate_fn(samples)


def _note(dataset: Any, index: Any) -> str:
    length = f", of {len(dataset)} samples" if hasattr(dataset, "__len__") else ""
    return f"[DataLoader] raised while reading dataset[{index!r}]{length}"


def inline(tasks: Iterator[Any], fetch: Fetcher, seed: int) -> Iterator[Any]:
    """The batches of the tasks, each made when it is asked for."""
    for number, task in enumerate(tasks):
        with _Seeded(seed + number):
            batch = fetch(task)
        if batch is _END:
            return
        yield batch


# --- Making batches ahead -------------------------------------------------------------------------


class _Job:
    __slots__ = ("batch", "done", "error", "number", "task")

    def __init__(self, number: int, task: Any) -> None:
        self.number, self.task = number, task
        self.batch: Any = None
        self.error: BaseException | None = None
        self.done = False


class _Threads:
    """Threads that do jobs until they are told to stop."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self.finished: SimpleQueue[None] = SimpleQueue()
        self.stop: list[bool] = []
        self.threads: list[threading.Thread] = []
        self.owner = os.getpid()
        _pools.add(self)

    def start(self, make: Callable[[_Job, list[bool]], Any], setup: Callable[[], None]) -> None:
        """One thread more."""
        name = f"nnx-data-{len(self.threads)}"
        # Only what the thread needs: it must not keep the iterator alive that will end it.
        args = (self.jobs, self.finished, self.stop, make, setup)
        thread = threading.Thread(target=_do_jobs, args=args, name=name, daemon=True)
        self.threads.append(thread)
        _running.add(thread)
        thread.start()

    def close(self, wait: float) -> None:
        """Tells the threads to end, and gives them some seconds for it."""
        self.stop.append(True)
        if os.getpid() != self.owner:
            return  # a forked child: the threads are the parent's
        for _ in self.threads:
            self.jobs.put(None)
        _join(self.threads, wait)


def _join(threads: Iterable[threading.Thread], wait: float) -> None:
    ends = time.monotonic() + wait
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(max(0.0, ends - time.monotonic()))


_pools: weakref.WeakSet[_Threads] = weakref.WeakSet()
_running: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """No thread may be inside a kernel when the interpreter is taken down."""
    for pool in list(_pools):
        pool.close(0.0)
    _join(list(_running), 1.0)


def _do_jobs(
    jobs: SimpleQueue[_Job | None],
    finished: SimpleQueue[None],
    stop: list[bool],
    make: Callable[[_Job, list[bool]], Any],
    setup: Callable[[], None],
) -> None:
    failed: BaseException | None = None
    try:
        setup()
    except BaseException as error:
        failed = error
    while (job := jobs.get()) is not None:
        if failed is not None:
            job.error = failed
        elif not stop:
            try:
                job.batch = make(job, stop)
            except BaseException as error:
                job.error = error
        job.done = True
        finished.put(None)
        job = None  # do not hold the batch while waiting


def prefetched(
    tasks: Iterator[Any],
    fetch: Fetcher,
    seed: int,
    workers: int,
    ahead: int,
    timeout: float = 0,
    init: Callable[[int], Any] | None = None,
    children: list[Child] | None = None,
) -> Iterator[Any]:
    """The batches of the tasks in their order, made by threads (or by the `children`, one for
    each thread), up to `ahead` of them before they are asked for.

    An error is raised when its batch is due. When the iterator is closed or dropped, the threads
    end after the sample they are at.
    """
    threads = _Threads()

    def make(job: _Job, stop: list[bool]) -> Any:
        with _Seeded(seed + job.number):
            return fetch(job.task, stop)

    def setup_of(worker: int) -> Callable[[], None]:
        def setup() -> None:
            _local.info = WorkerInfo(worker, workers, seed + worker, fetch.dataset)
            if init is not None:
                init(worker)

        return setup

    pending: deque[_Job] = deque()
    numbers = itertools.count()
    left = True

    def submit() -> None:
        nonlocal left
        if not left:
            return
        job = _Job(next(numbers), None)
        try:
            job.task = next(tasks)
        except StopIteration:
            left = False
            return
        except Exception as error:  # the sampler's: due after the batches before it
            job.error, job.done, left = error, True, False
        pending.append(job)
        if job.done:
            return
        threads.jobs.put(job)
        worker = len(threads.threads)
        if worker < workers:
            if children is not None:
                threads.start(children[worker].work(seed), lambda: None)
            else:
                threads.start(make, setup_of(worker))

    clean = False
    try:
        for _ in range(ahead):
            submit()
        while pending:
            job = pending[0]
            if os.getpid() != threads.owner:
                if not job.done:  # forked in the middle: there are no threads here
                    job.batch = make(job, [])
            else:
                _wait(job, threads.finished, timeout)
            pending.popleft()
            if job.error is not None:
                raise job.error
            if job.batch is _END:
                break
            submit()
            batch, job = job.batch, None  # type: ignore[assignment]
            yield batch
            del batch
        clean = True
    finally:
        if children is not None and not clean:
            for child in children:
                child.close()  # also wakes the thread that waits for its answer
        threads.close(0.25)  # those at a long sample end after it


def _wait(job: _Job, finished: SimpleQueue[None], timeout: float) -> None:
    ends = time.monotonic() + timeout
    while not job.done:
        try:
            finished.get(timeout=max(0.0, ends - time.monotonic()) if timeout else None)
        except Empty:
            rule = f"a batch must be ready within the timeout of {timeout:g} s"
            raise fail(Error, "DataLoader", rule, hint="give more time or workers") from None


# --- Processes ------------------------------------------------------------------------------------


_SENT = 'with worker_type="process" the dataset and its functions are sent to new processes'
_SENDABLE = (
    "define classes and functions in a .py file and import them (a notebook's own cannot be "
    'found by another process; a lambda has no name), or use the default worker_type="thread"'
)


class Child:
    """A worker process, and the pipe to it."""

    def __init__(self, context: Any, payload: bytes, worker: int, workers: int) -> None:
        self.pipe, theirs = context.Pipe()
        arguments = (theirs, payload, worker, workers)
        self.process = context.Process(target=_serve, args=arguments, daemon=True)
        self.process.start()
        theirs.close()
        self.alive = True

    def work(self, seed: int) -> Callable[[_Job, list[bool]], Any]:
        """A function that has a job done by the process, in an epoch of this seed."""
        first = [True]

        def make(job: _Job, stop: list[bool]) -> Any:
            try:
                self.pipe.send((first[0], seed, job.number, job.task))
                first[0] = False
                kind, value = self.pipe.recv()
            except (EOFError, OSError, BrokenPipeError):
                if stop:
                    return None
                self.process.join(1.0)
                raise self._died() from None
            if kind == "error":
                raise value
            return _END if kind == "end" else value

        return make

    def _died(self) -> Exception:
        code = self.process.exitcode
        rule = "a worker process ended before its work was done"
        hint = "did the system stop it for want of memory?" if code and code < 0 else ""
        if code == 1:
            hint = 'in a script, put what starts the training under: if __name__ == "__main__":'
        return fail(Error, "DataLoader", rule, f"exit code {code}", hint)

    def close(self) -> None:
        """Ends the process."""
        if self.alive:
            self.alive = False
            self.process.terminate()
            self.process.join(2.0)
            if self.process.is_alive():
                self.process.kill()
                self.process.join(2.0)
            self.pipe.close()


def start_children(
    fetch: Fetcher, workers: int, context: Any, init: Callable[[int], Any] | None
) -> list[Child]:
    """Worker processes that have the dataset, started without forking unless asked to.

    Raises: DTypeError for a dataset that cannot be sent to them, with what to do about it.
    """
    import multiprocessing

    if context is None or isinstance(context, str):
        methods = multiprocessing.get_all_start_methods()
        if context is not None and context not in methods:
            rule = f"multiprocessing_context must be one of {', '.join(methods)}"
            raise fail(ArgumentError, "DataLoader", rule, describe(context))
        context = multiprocessing.get_context(context or "spawn")
    main = sys.modules.get("__main__")
    interactive = not hasattr(main, "__file__") and context.get_start_method() != "fork"
    for thing in (fetch.dataset, fetch.collate_fn, init):
        where = getattr(thing, "__module__", None) or type(thing).__module__
        if interactive and where == "__main__":
            received = f"{describe(thing)}, defined in this session"
            raise fail(DTypeError, "DataLoader", _SENT, received, _SENDABLE)
    try:
        payload = pickle.dumps((fetch, init))
    except Exception as error:
        received = f"{type(fetch.dataset).__name__} ({type(error).__name__}: {error})"
        raise fail(DTypeError, "DataLoader", _SENT, received, _SENDABLE) from error
    return [Child(context, payload, worker, workers) for worker in range(workers)]


def _received(payload: bytes) -> Any:
    try:
        return pickle.loads(payload)
    except Exception as error:
        received = f"{type(error).__name__}: {error}"
        raise fail(DTypeError, "DataLoader", _SENT, received, _SENDABLE) from error


def _serve(pipe: Any, payload: bytes, worker: int, workers: int) -> None:
    """What a worker process does: answers tasks until the pipe is closed."""
    import random
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    set_num_threads(1)
    fetch: Any = None
    while True:
        try:
            fresh, seed, number, task = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            if fetch is None:
                fetch, init = _received(payload)
                _local.info = WorkerInfo(worker, workers, seed + worker, fetch.dataset)
                if init is not None:
                    init(worker)
            if fresh:
                fetch.stream = None
            own = seed + number  # also for those who draw from the usual generators
            manual_seed(own)
            random.seed(own)
            if "numpy" in sys.modules:
                sys.modules["numpy"].random.seed(own % 2**32)
            with _Seeded(own):
                batch = fetch(task)
            answer = ("end", None) if batch is _END else ("batch", batch)
            message = pickle.dumps(answer)
        except BaseException as error:
            text = "".join(traceback.format_exception(error))
            error.add_note(f"[DataLoader] in worker process {worker}:\n{text.rstrip()}")
            try:
                message = pickle.dumps(("error", error))
                pickle.loads(message)
            except Exception:
                message = pickle.dumps(("error", Error(text)))
        try:
            pipe.send_bytes(message)
        except OSError:
            return
