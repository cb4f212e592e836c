"""A side as its parent sees it: a process that is asked, line by line."""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any

from benchmarks.environments import SIDES, python_of
from benchmarks.errors import SideError

Record = dict[str, Any]

ROOT = Path(__file__).parents[1]
PATIENCE = 1800.0  # seconds
LAST = 3  # lines of a dead process that are told
NOISE = re.compile(r"WARNING: All log messages|[IW]\d{4} ")  # of TensorFlow's start


def started(side: str) -> Worker:
    """The process of a side, with the Python of its environment.

    Raises:
        BenchmarkError: when that environment is not built.
    """
    return Worker([python_of(side), "-m", SIDES[side][1]])


class Worker:
    """A process that answers requests."""

    def __init__(self, command: Sequence[str], patience: float = PATIENCE) -> None:
        self.patience = patience
        self.log = TemporaryFile()  # noqa: SIM115  (closed with the process)
        self.process = subprocess.Popen(  # noqa: S603  (our own modules)
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def ask(self, op: str, **request: Any) -> Record:
        """The reply to one request.

        Raises:
            SideError: when it is an error, when the process ends, or when it takes too long.
        """
        assert self.process.stdin  # noqa: S101  (a pipe, as asked for)
        try:
            self.process.stdin.write(json.dumps({"op": op, **request}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise SideError(self._end()) from None
        reply = json.loads(self._line(op))
        if "error" in reply:
            raise SideError(reply["error"])
        return reply

    def _line(self, op: str) -> str:
        assert self.process.stdout  # noqa: S101  (as above)
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(self.patience):
                self.process.kill()
                raise SideError(f"{op!r} took more than {self.patience:.0f} s.")
        line = self.process.stdout.readline()
        if not line:
            raise SideError(self._end())
        return line

    def _end(self) -> str:
        """How the process ended, with the last lines it printed."""
        code = self.process.wait()
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        lines = [line for line in lines if not NOISE.match(line)][-LAST:]
        return f"The process ended with code {code}: {' / '.join(lines) or 'it printed nothing.'}"
