"""Run a program that the kernel kills when the process that started it ends, however it ends.

    python die_with_parent.py <pid of the starter> <program> <arguments ...>

A separate launcher instead of a `preexec_fn`, because Python code between fork and exec is unsafe with threads. On
systems other than Linux the program is not tied to its starter.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    starter, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != starter:  # it ended before the tie was set
            sys.exit(1)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
