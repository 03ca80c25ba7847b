"""The scheduler and its workers: whether they are there, answer in time, and have this very version of the package."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Any

from napari_crimson.cluster.task import PACKAGE, own_version
from napari_crimson.errors import CrimsonError

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["TRIED_S", "ask", "check_workers", "connect"]

ANSWER_S = 10.0  # in which a scheduler must answer
ALIVE_S, TRIED_S = 30.0, 300.0  # in which a worker must tell its version, and have loaded the remover
_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?[^/\s]+:\d+")


def connect(address: str) -> Client:
    """Connect to the scheduler at an address, or say what keeps from it."""
    try:
        from distributed import Client
        from distributed.security import Security
    except ImportError as error:
        raise CrimsonError('a scheduler needs dask.distributed: pip install "napari-crimson[distributed]"') from error
    wanted = "give the address that 'dask scheduler' prints, such as tcp://host:8786"
    if not _ADDRESS.fullmatch(address):
        raise CrimsonError(f"'{address}' is no address of a scheduler; {wanted}")
    if address.startswith("tls:") and Security().get_connection_args("client")["ssl_context"] is None:
        raise CrimsonError(f"{address} asks for certificates; name them in dask's configuration, under distributed.comm.tls")
    try:
        return Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise CrimsonError(
            f"no scheduler answers at {address} within {ANSWER_S:g} s ({error}); start one with 'dask scheduler', or {wanted}"
        ) from error


def ask(client: Client, question: Callable[..., Any], *words: str, within_s: float) -> dict[str, Any]:
    """What each worker says to a question, or the exception that it met; `CrimsonError` where one says nothing in time."""

    async def one(worker: str) -> Any:
        answers = client.run(question, *words, workers=[worker], on_error="return")
        return (await asyncio.wait_for(answers, within_s))[worker]

    async def every(workers: list[str]) -> list[Any]:
        return await asyncio.gather(*map(one, workers), return_exceptions=True)

    workers = list(client.nthreads())
    answers = dict(zip(workers, client.sync(every, workers), strict=True))
    for worker, answer in answers.items():
        if isinstance(answer, TimeoutError):
            raise CrimsonError(f"worker {worker} does not answer within {within_s:g} s; end or restart it")
    return answers


def check_workers(client: Client, address: str) -> None:
    """Refuse a scheduler without workers, and workers that do not answer or have no or another napari-crimson."""
    if not client.nthreads():
        raise CrimsonError(f"the scheduler at {address} has no workers; start some with 'dask worker {address}'")
    here = own_version()
    for worker, version in ask(client, installed_version, PACKAGE, within_s=ALIVE_S).items():
        if isinstance(version, PackageNotFoundError):
            raise CrimsonError(f"worker {worker} has no napari-crimson; install version {here} there")
        if isinstance(version, Exception):
            raise CrimsonError(f"worker {worker} cannot be asked for its version ({type(version).__name__}: {version}); end or restart it")
        if version != here:
            raise CrimsonError(f"worker {worker} has napari-crimson {version}, this is {here}; install the same there")
