"""The C library's allocator, set up for a process that lives long and holds many connections."""

import ctypes
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's mallopt(3)."""

THRESHOLD = 128 << 10
"""Bytes from which a block gets pages of its own: the value with which glibc starts."""

OWN_WORDS = ("MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
"""Variables by which somebody has tuned glibc already."""


def settle() -> None:
    """Keep the size from which a block gets pages of its own; does nothing where the C library is not glibc.

    glibc raises that size to the largest such block that was freed (mallopt(3), M_MMAP_THRESHOLD). From then on the
    256 kB with which uvloop reads each TLS connection come from the heap, out of pages that large answers have used. With
    pages of their own they cost what is read at once: 500 idle connections take a third less memory.
    """
    if platform.libc_ver()[0] != "glibc" or any(word in os.environ for word in OWN_WORDS):
        return
    mallopt = ctypes.CDLL(None).mallopt
    for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        mallopt(option, THRESHOLD)
