"""A compiled expression: how to get its value from a row, and what to tell people about it."""

from dataclasses import dataclass, field

from .ink import Code
from .scope import Use
from .step import Get


@dataclass(slots=True)
class Getter:
    """The function, its form for the fast way where it has one, the paths it reads, and what happens on the way."""

    get: Get
    uses: list[Use] = field(default_factory=list)
    how: list[str] = field(default_factory=list)
    plain: Code | None = None

    @property
    def code(self) -> Code:
        """The form for the fast way: at worst the call of the function."""
        return self.plain or (lambda pen: pen.call(self.get))
