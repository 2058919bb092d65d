# SPDX-License-Identifier: MIT
"""Run asyncio and Tornado on any I/O model: select, poll, epoll, SIGIO, real-time signals, io_uring ...

    python3 -m ioloop --backend=sigio app.py        an unmodified program

    import ioloop
    ioloop.run(main(), backend="rtsig")             a coroutine, instead of asyncio.run
    asyncio.set_event_loop_policy(ioloop.EventLoopPolicy("io_uring"))
    selector = ioloop.Selector("poll")              as those of the module selectors

Without a backend each of these takes the best one available here (default_backend()). A backend that is
unavailable is an OSError with the reason in words; no other takes its place. backends() lists them.

Any thread may use a selector. A process that was forked cannot use its parent's: select and
register raise an OSError there, and it can make selectors of its own. sigio and rtsig keep their signals
blocked in the thread that waits; child processes of the modules subprocess, multiprocessing and os get a
mask without them.
"""
import asyncio
import errno
import gc
import os
import selectors
import signal
import warnings
import weakref
from collections.abc import Mapping
from typing import Any, Coroutine, Iterator, List, NamedTuple, Optional, Tuple, TypeVar

from . import _children, _ioloop
from ._ioloop import __version__, default_backend

__all__ = ["__version__", "Backend", "EventLoopPolicy", "Selector", "backends", "default_backend", "new_event_loop", "run"]

T = TypeVar("T")


class Backend(NamedTuple):
    """An I/O model, and whether it can be used here."""

    name: str
    model: str  # in Stevens' terms: "multiplexing", "signal-driven" ...
    features: Tuple[str, ...]  # of "scales", "ns-timeouts", "signal-driven", "completion"
    available: bool
    reason: str  # why it is unavailable; else empty


def backends() -> List[Backend]:
    """All I/O models that this package knows, the best one first."""
    return [Backend(*fields) for fields in _ioloop.backends()]


class _Map(Mapping):
    """The registrations of a selector: a view."""

    def __init__(self, selector: "Selector") -> None:
        self._selector = selector

    def __len__(self) -> int:
        return self._selector._count()

    def __getitem__(self, fileobj: Any) -> selectors.SelectorKey:
        return self._selector._find(fileobj)

    def __iter__(self) -> Iterator[int]:
        return iter(self._selector._descriptors())


_selectors: "weakref.WeakSet[Selector]" = weakref.WeakSet()


class Selector(_ioloop.Selector, selectors.BaseSelector):
    """A selector, as the module selectors defines it, on the named I/O model."""

    def __init__(self, backend: Optional[str] = None) -> None:
        try:
            super().__init__(backend)
        except OSError as error:
            if error.errno != errno.ENOSPC or not gc.collect():
                raise
            super().__init__(backend)  # selectors that were never closed had all of rtsig's signals
        self._map: Optional[_Map] = _Map(self)
        _selectors.add(self)
        if "signal-driven" in self.features:
            _children.install()

    def get_map(self) -> Optional[Mapping]:  # type: ignore[override]
        """A mapping of file objects to their SelectorKeys; None once the selector is closed."""
        return self._map

    def close(self) -> None:
        """Free the loop. No file object is closed."""
        super().close()
        self._map = None


def _after_fork_in_child() -> None:
    """Put away what was the parent's. A thread that a loop's thread has started has its mask, too."""
    _ioloop.trace_forget()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _ioloop.blocked_signals())
    for selector in list(_selectors):
        selector._after_fork()
    _selectors.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)


def new_event_loop(backend: Optional[str] = None) -> asyncio.SelectorEventLoop:
    """A new event loop of asyncio on the named I/O model."""
    return asyncio.SelectorEventLoop(Selector(backend))


with warnings.catch_warnings():  # Python 3.14 deprecates policies
    warnings.simplefilter("ignore", DeprecationWarning)
    _DefaultPolicy = asyncio.DefaultEventLoopPolicy


class EventLoopPolicy(_DefaultPolicy):
    """asyncio's policy, with event loops on the named I/O model."""

    def __init__(self, backend: Optional[str] = None) -> None:
        super().__init__()
        if backend is not None:
            Selector(backend).close()  # or it is refused
        self._backend = backend

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return new_event_loop(self._backend)


def run(main: "Coroutine[Any, Any, T]", *, backend: Optional[str] = None, debug: Optional[bool] = None) -> T:
    """asyncio.run(main) on the named I/O model."""
    if hasattr(asyncio, "Runner"):  # Python 3.11
        with asyncio.Runner(debug=debug, loop_factory=lambda: new_event_loop(backend)) as runner:
            return runner.run(main)
    former = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(EventLoopPolicy(backend))
    try:
        return asyncio.run(main, debug=debug)
    finally:
        asyncio.set_event_loop_policy(former)
