"""Large blocks keep their own pages, whatever was freed before; seen in a process of its own."""

import os
import platform
import subprocess
import sys

import pytest

from backup_sentinel.allocator import OWN_WORDS

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")

SCRIPT = """
import ctypes, sys
from backup_sentinel import allocator

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
if sys.argv[1] == "settled":
    allocator.settle()
libc.free(libc.malloc(8 << 20))
at = libc.malloc(256 << 10)
print("own" if at % 4096 == 16 else "heap")
"""
"""Says where a block of 256 kB lies: one with pages of its own begins behind a header of 16 bytes at the start of a page."""


def where(word: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in OWN_WORDS}
    command = [sys.executable, "-c", SCRIPT, word]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=kept | environment)
    return done.stdout.strip()


def test_a_large_block_has_pages_of_its_own() -> None:
    assert (where("settled"), where("as it was")) == ("own", "heap")


def test_what_somebody_has_tuned_stays() -> None:
    assert where("settled", MALLOC_MMAP_THRESHOLD_=str(16 << 20)) == "heap"
