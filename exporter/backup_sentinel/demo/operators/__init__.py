"""Operators that the demo knows from a file each: what they write when a run begins, goes on and ends."""

from .file import OPERATORS, load_operator
from .operator import WrittenOperator

__all__ = ["OPERATORS", "WrittenOperator", "load_operator"]
