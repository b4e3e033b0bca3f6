"""Text with `{paths}` in it."""

from typing import Any

from backup_sentinel.model import Outcome

from .getter import Getter
from .oddity import Ear
from .scope import Cursor, Scope, Use, parsed
from .walk import text as as_text


def compile_template(text: str, at: Cursor, scope: Scope) -> Getter:
    """Return the getter: where one of the paths has no value there is no text. Raise DocumentError inside the text."""
    pieces: list[str | Use] = []
    offset = 0
    while (start := text.find("{", offset)) >= 0:
        end = text.find("}", start)
        if end < 0:
            raise at.error("`{` is not closed", offset=start)
        path = text[start + 1 : end]
        if parsed(path, at, offset=start + 1).many:
            raise at.error("a path with a wildcard gives many values", offset=start + 1)
        pieces += [text[offset:start], scope.use(path, at)]
        offset = end + 1
    pieces.append(text[offset:])

    def get(row: tuple[Any, ...], _is: Outcome | None, _ear: Ear) -> Any:
        parts = []
        for piece in pieces:
            part = piece if isinstance(piece, str) else as_text(piece.get(row))
            if part is None or (not part and piece is not part):
                return None
            parts.append(part)
        return "".join(parts)

    return Getter(get, [piece for piece in pieces if isinstance(piece, Use)], ["template"])
