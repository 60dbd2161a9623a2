"""Exit codes: the same number means the same in every command (docs/commands.md)."""

__all__ = [
    "EXIT_INTERNAL",
    "EXIT_INTERRUPTED",
    "EXIT_NEGATIVE",
    "EXIT_NO_READER",
    "EXIT_TERMINATED",
    "EXIT_UNDECIDABLE",
    "EXIT_UNREACHABLE",
    "EXIT_UNWRITABLE",
    "EXIT_USAGE",
]

EXIT_NEGATIVE = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_UNDECIDABLE = 5
EXIT_INTERNAL = 70
"""A fault of hookline's own (EX_SOFTWARE of sysexits.h)."""
EXIT_UNWRITABLE = 74
"""The answer cannot be written: a full disk behind stdout, or no stdout (EX_IOERR of sysexits.h)."""
EXIT_INTERRUPTED = 130
"""Ctrl-C, as shells count it: 128 and the number of the signal."""
EXIT_NO_READER = 141
"""The same for a reader of stdout that has gone, as in `| head`."""
EXIT_TERMINATED = 143
"""SIGTERM, as shells count it, where the work is not done; services that have nothing to finish exit with 0."""
