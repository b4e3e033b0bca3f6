"""YAML text becomes typed values, and every complaint points at its line, column and character.

In: text. Out: values of msgspec types, or DocumentError. Never here: what a value means, and reading files.
"""

from .complaint import Path, nearest
from .text import Document, load, read_objects

__all__ = ["Document", "Path", "load", "nearest", "read_objects"]
