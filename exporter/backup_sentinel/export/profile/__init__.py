"""Profiles turn objects of backup operators into records of the model; a profile is a file, never code.

In: bytes of the API server and YAML files. Out: `Page`s and `Item`s of records and problems. Never here: requests,
memory of what was seen before, metrics.
"""

from .compile import CompiledResource, Profile
from .examples import Result, run_examples
from .explain import explain
from .load import load_file, load_profiles
from .reader import Item, Page, PageError, Reader, Reading, ResourceType

__all__ = [
    "CompiledResource",
    "Item",
    "Page",
    "PageError",
    "Profile",
    "Reader",
    "Reading",
    "ResourceType",
    "Result",
    "explain",
    "load_file",
    "load_profiles",
    "run_examples",
]
