"""What people write as text where a flag, a name or a credential is meant: variables and keys of Secrets alike."""

YES = frozenset({"true", "1", "yes", "y", "on"})
NO = frozenset({"false", "0", "no", "n", "off"})
LONGEST_NAME = 253


def flag(text: str) -> bool:
    """Return what a word means, in any case of letters; "" is false. Raises ValueError, without the word."""
    word = text.strip().lower()
    if word in YES:
        return True
    if word in NO or not word:
        return False
    raise ValueError("must be true or false")


def name(text: str) -> str:
    """Return the name of a cluster, which becomes a label value. Raises ValueError."""
    stripped = text.strip()
    if not stripped.isprintable():
        raise ValueError("must be one line of printable characters")
    if len(stripped) > LONGEST_NAME:
        raise ValueError(f"must have at most {LONGEST_NAME} characters")
    return stripped


def token(text: str) -> str:
    """Return a bearer token without the white space around it. Raises ValueError, without the token."""
    stripped = text.strip()
    if not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        raise ValueError("holds more than a token: spaces, line breaks or characters that no header may have")
    return stripped
