"""A program that becomes another one, which then dies with its parent and never runs as root.

    python -I -S launch.py PARENT SIGNAL IDENTITY PROGRAM ARGUMENT…

PARENT is the process whose end sends SIGNAL (a number; the kernel does it, so SIGKILL of the parent counts too).
IDENTITY is `same`; `namespace:UID` (a user namespace in which the caller appears as UID: files keep their owner,
no capability is left); or `user:UID` (where namespaces are refused: that user, with the right to pass any folder,
so the data may lie below a folder that only root can enter). Standard library only; it runs without site packages.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS = 1, 8
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_CLONE_NEWUSER = 0x10000000
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1


def die_with_parent(parent: int, signal_number: int = signal.SIGKILL) -> None:
    """Have the kernel send the calling process a signal when the thread that started it ends."""
    _libc("prctl", _PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal_number)


def enter_namespace(uid: int) -> None:
    """Appear as `uid` (user and group) in a new user namespace.

    Raises OSError where the kernel or a sandbox refuses it.
    """
    own_uid, own_gid = os.geteuid(), os.getegid()
    _libc("unshare", _CLONE_NEWUSER)
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {own_uid} 1"), ("gid_map", f"{uid} {own_gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - pathlib doubles the start-up time
            file.write(line)


def become(uid: int) -> None:
    """Be another user for good, keeping only the right to pass any folder.

    Raises OSError without the right to change users.
    """
    _libc("prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    header, only = struct.pack("Ii", _CAPABILITY_VERSION_3, 0), 1 << _CAP_DAC_OVERRIDE
    _libc("capset", header, struct.pack("6I", only, only, only, 0, 0, 0))
    _libc("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _libc(function: str, *arguments: int | bytes) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    wide = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    if getattr(library, function)(*wide) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def main(arguments: list[str]) -> None:
    parent, signal_number, (identity, _, uid) = int(arguments[0]), int(arguments[1]), arguments[2].partition(":")
    try:
        if identity == "namespace":
            enter_namespace(int(uid))
        elif identity == "user":
            become(int(uid))
        die_with_parent(parent, signal_number)
        os.execv(arguments[3], arguments[3:])
    except OSError as error:
        sys.exit(f"{arguments[3]} cannot be started: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
