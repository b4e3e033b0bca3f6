"""Templates of messages: sandboxed, strict, and tried with samples before the first alert needs them.

In: a template's text and a delivery. Out: text. Never here: what a channel does with it.
"""

from .rendering import Rendering, RenderingError, Template
from .samples import samples
from .view import view

__all__ = ["Rendering", "RenderingError", "Template", "samples", "view"]
