"""Complaints about the file, without the secrets of the line they point at.

A complaint shows the line with a caret, and a line of this file may be a password hash, a private key, or a password
that somebody took for a hash. So a value is shown only behind a key that never holds a secret; of other lines only
the key and the shape are left. The caret still stands where it should.
"""

import re

from backup_sentinel.errors import DocumentError

_OPEN = re.compile(
    r"""\s*-?\s*(?:cert_file|key_file|client_ca_file|client_auth_type|min_version|max_version|cipher_suites
    |prefer_server_cipher_suites|curve_preferences|client_allowed_sans|http2|interval|burst
    |Strict-Transport-Security|X-Content-Type-Options|X-Frame-Options|X-XSS-Protection|Content-Security-Policy)
    \s*:(?!.*:\s).*
    |\s*-\s+(?:TLS_|Curve|X25519)\w*\s*""",
    re.VERBOSE,
)
_KEY = re.compile(r"\s*[\w.-]+\s*:(?=\s|$)")
_STATIC = re.compile(
    r"`[^`]*` is given twice|only one YAML document|an alias may not stand|a key must be text|merge keys|more than"
    r"|nested too deeply"
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_WIDTH = 160


def veil(error: DocumentError, *, of_syntax: bool = False) -> DocumentError:
    """Return the same complaint without secrets; `of_syntax` where the text was no YAML, whose words may be anything."""
    message = error.message
    if of_syntax and not _STATIC.match(message):
        message = _QUOTED.sub("***", message) if message.startswith("not YAML") else "this is not understood"
    return DocumentError(
        message,
        file=error.file,
        line=error.line,
        column=error.column,
        source=_shown(error.source, error.column),
        hint=error.hint,
    )


def _shown(line: str, column: int) -> str:
    if _OPEN.fullmatch(line):
        return line
    key = _KEY.match(line)
    start = key.end() if key else 0
    return (line[:start] + re.sub(r"[^\s{}\[\],|>]", "*", line[start:]))[: max(_WIDTH, column)]
