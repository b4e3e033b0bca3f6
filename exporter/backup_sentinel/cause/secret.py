"""Secrets are taken out of texts that operators wrote, before anybody sees them.

Error texts of object stores carry signed URLs, access keys and now and then a whole connection string. It is better to
hide a harmless word than to show a key.
"""

import re

HIDDEN = "***"

_WORDS = (
    r"pass(?:word|wd|phrase)|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|token|sig|signature|sas|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|(?:account|shared|private|encryption|master|storage|application|customer)[_-]?(?:access[_-]?)?key|credentials?|authorization"
    r"|(?<![A-Za-z0-9])pass(?!:\s{0,3}\d{1,5}\b)"  # neither `bypass = on` nor `first pass: 3 files`
)
_QUERY = re.compile(r"(\bhttps?://[^\s?\"'<>]{1,1000})\?([^\s\"'<>]+)", re.IGNORECASE)
_SIGNED = re.compile(r"(?:sig|signature|token|key|credential|accessid|expires|password|se)=", re.IGNORECASE)
_USER = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://)[^\s/@\"'<>]{1,500}@", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer|authorization:\s*\w+)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_ASSIGNED = re.compile(
    rf"((?:\b|[A-Za-z0-9_-])(?:{_WORDS})[s\d]?\\?[\"']?\s{{0,3}}(?::=|={{1,2}}>?|:)\s{{0,3}})"
    # `credentials: password = ...`: the secret comes after the second name. `=` at the end of a word is base64.
    rf"(?![\w.-]{{0,40}}?(?:{_WORDS})[s\d]?(?:\s{{1,3}}[=:]|=[^\s=]|:\s))"
    r"(?!\s|\*\*\*|(?:invalid|expired|not|missing|is|was|has|unable|failed|no|empty|cannot|could|the|a|an|error|bearer|basic|digest|secrets?"
    r"|access denied|rpc|unknown|unexpected)\b)"
    r"(?:\\?\"[^\"\\]*\\?\"?|'[^']*'?|[^\s,;&\"'}\])]+)",
    re.IGNORECASE,
)
_KNOWN = re.compile(
    r"\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"
    r"|\b(?:gh[pousr]_|glpat-|xox[abeprs]-|AIza)[A-Za-z0-9_-]{10,}"
)
_PEM = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)


def redact(text: str) -> str:
    """Return the text with signed queries, credentials in URLs, tokens, keys and passwords replaced by `***`."""
    text = _PEM.sub(HIDDEN, text)
    text = _QUERY.sub(_unsigned, text)
    text = _USER.sub(rf"\1{HIDDEN}@", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _ASSIGNED.sub(rf"\1{HIDDEN}", text)
    return _KNOWN.sub(HIDDEN, text)


def _unsigned(found: re.Match[str]) -> str:
    """Return a URL without a query that may let somebody in."""
    return f"{found[1]}?{HIDDEN}" if _SIGNED.search(found[2]) else found[0]
