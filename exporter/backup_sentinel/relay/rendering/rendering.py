"""The only door to Jinja2 in the relay."""

import re
from collections.abc import Callable
from importlib.resources import files

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from backup_sentinel.errors import DeliveryError, DeliveryReason, SentinelError
from backup_sentinel.relay.message import Delivery

from .samples import samples
from .view import view

_CALL = re.compile(r"@(?=(?:all|channel|everyone|here)\b)", re.IGNORECASE)

LONGEST = 1 << 20
"""Characters that a template may give."""


class RenderingError(SentinelError):
    """A template is wrong; the text names it, the line, and what is wrong."""


class Template:
    """A compiled template."""

    def __init__(self, name: str, template: jinja2.Template) -> None:
        self.name = name
        self._template = template

    def render(self, delivery: Delivery) -> str:
        """Return the text of a delivery. Raises DeliveryError with reason TEMPLATE, or TOO_LARGE."""
        parts: list[str] = []
        size = 0
        try:
            for part in self._template.generate(view(delivery)):
                size += len(part)
                if size > LONGEST:
                    break
                parts.append(part)
        except Exception as error:
            raise DeliveryError(
                f"the template {self.name}: {_why(error)}", reason=DeliveryReason.TEMPLATE
            ) from error
        if size > LONGEST:
            raise DeliveryError(
                f"the template {self.name} gives more than {LONGEST} characters",
                reason=DeliveryReason.TOO_LARGE,
            )
        return "".join(parts)


class Rendering:
    """Compiles templates: those of the configuration, and the defaults in `relay/templates`."""

    def __init__(self) -> None:
        self._plain = _environment(autoescape=False)
        self._html = _environment(autoescape=True)

    def compile(
        self, source: str, name: str, *, html: bool = False, check: Callable[[str], None] | None = None
    ) -> Template:
        """Compile a text and try it with every sample. Raises RenderingError.

        `name` is what errors call it, such as `channel oncall, body`; with `html` values are escaped. `check` may
        raise DeliveryError for a text that is not what it should be.
        """
        try:
            compiled = Template(name, (self._html if html else self._plain).from_string(source))
        except jinja2.TemplateSyntaxError as error:
            raise RenderingError(f"the template {name}, line {error.lineno}: {error.message}") from None
        try:
            for sample in samples():
                text = compiled.render(sample)
                if check is not None:
                    check(text)
        except DeliveryError as error:
            raise RenderingError(str(error)) from None
        return compiled

    def shipped(self, file: str, *, check: Callable[[str], None] | None = None) -> Template:
        """Compile a default of `relay/templates`; values are escaped where its name ends in `.html`."""
        source = files("backup_sentinel.relay").joinpath("templates", file).read_text("utf-8")
        return self.compile(source, file, html=file.endswith(".html"), check=check)

    def choose(self, given: str | None, name: str, default: str) -> Template:
        """Compile the configuration's text where there is one, the default file otherwise."""
        return (
            self.shipped(default)
            if given is None
            else self.compile(given, name, html=default.endswith(".html"))
        )


def _environment(*, autoescape: bool) -> jinja2.Environment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=autoescape,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False}
    environment.filters |= {"link": _link, "slack": _slack, "quiet": _quiet}
    return environment


def _link(value: object) -> str:
    """Return an address that may stand in `href`, or `#`: what an annotation holds may be a script."""
    text = str(value).strip()
    return text if text.lower().startswith(("https://", "http://", "mailto:")) else "#"


def _slack(value: object) -> str:
    """Return a text that is nothing but text for Slack: no mention, no link (Slack, "Formatting text", escaping)."""
    return str(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quiet(value: object) -> str:
    """Return a text that calls nobody: Mattermost and Rocket.Chat have no escape for `@all`, so a space of no width parts it."""
    return _CALL.sub("@\u200b", str(value))


def _why(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
