"""One subprocess with everything that it starts: begun as an argument list, read, asked to end, killed with children.

Output goes through a pseudo terminal where the system has one, because programs draw no progress bars into a pipe.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

READ_BYTES = 1 << 16
TERMINAL_SIZE = (50, 120)
"""Lines and columns that programs draw their bars for."""


def _open_terminal() -> tuple[int, int]:
    """(end to read, end for the program) of a pseudo terminal that passes bytes through as they are, or of a pipe."""
    if sys.platform == "win32":
        return os.pipe()
    import fcntl
    import termios
    import tty

    ours, theirs = os.openpty()
    tty.setraw(theirs)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *TERMINAL_SIZE, 0, 0))
    return ours, theirs


class JobProcess:
    """A running command.

    Args:
        command: program and arguments.
        folder: working directory.
        environment: all its variables.

    Raises:
        OSError: the program cannot be started.
    """

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._output, theirs = _open_terminal()
        try:
            self._process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        except OSError:
            os.close(self._output)
            raise
        finally:
            os.close(theirs)

    @property
    def pid(self) -> int:
        """Number of the process, and on POSIX of its group."""
        return self._process.pid

    def read(self) -> Iterator[bytes]:
        """What the command writes, as it comes, until it and its children have closed their output."""
        try:
            while data := os.read(self._output, READ_BYTES):
                yield data
        except OSError:  # a pseudo terminal reports its end as an input/output error
            return
        finally:
            os.close(self._output)

    def wait(self) -> int:
        """Wait for the end of the command itself; its exit code, negative for the signal that killed it."""
        return self._process.wait()

    def ask_to_end(self) -> None:
        """Ask the command, and not its children, to save what it has and end."""
        with suppress(OSError):
            self._process.terminate()

    def kill_tree(self) -> None:
        """Kill the command, its children, and what is left of them after its end."""
        with suppress(psutil.Error):
            for child in psutil.Process(self.pid).children(recursive=True):
                with suppress(psutil.Error):
                    child.kill()
        if sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if self._process.poll() is None:
            with suppress(OSError):
                self._process.kill()
