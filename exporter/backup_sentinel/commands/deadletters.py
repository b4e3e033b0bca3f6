"""Look at what the relay could not deliver, let it be tried again, or throw it away."""

import argparse
import asyncio
import json
import sys
import time
from typing import Any

import msgspec

from backup_sentinel import terminal
from backup_sentinel.clock import Clock
from backup_sentinel.config import Config, WebSettings
from backup_sentinel.duration import DurationError, long_duration
from backup_sentinel.errors import DeliveryError, SentinelError
from backup_sentinel.export.overview import words
from backup_sentinel.notify.channels import channels
from backup_sentinel.relay.egress import Egress, basic, check_url
from backup_sentinel.relay.intake.letters import MOST, PATH, Outcome, purge, replay
from backup_sentinel.relay.message import Delivery
from backup_sentinel.relay.outbox import Letter, Outbox, OutboxInUseError, read_letter, read_letters
from backup_sentinel.relay.rendering.view import title
from backup_sentinel.relay.settings import AdminSettings
from backup_sentinel.relay.tls import ClientTLS
from backup_sentinel.secret import reveal
from backup_sentinel.serving import FrontDoor
from backup_sentinel.terminal import Cell, Column

from .relay import PORT
from .settings import add_common, load_config

_COLUMNS = (
    Column("ID"),
    Column("CHANNEL", least=8),
    Column("AGE"),
    Column("ATTEMPTS", drop=1),
    Column("REASON"),
    Column("MESSAGE", least=24),
    Column("ERROR", least=16, drop=2),
)
_EPILOG = """\
list and show read the outbox of the configuration, also while a relay has it. replay and purge change it: themselves where
no relay runs, otherwise by asking the relay that has it, for which `relay.admin` must name a token or a user. So run all of
them where the file is, for example by `kubectl exec`. What is replayed keeps its id, so that receivers may tell it from news.
The daemon of `notify` has such an outbox as well; --url says where it listens.

The exit code is 0, 1 if a dead letter that was named is not there or its channel is no longer configured, 2 if something
is wrong.

examples:
  backup-sentinel deadletters list --config config.yaml
  backup-sentinel deadletters replay --all --channel chat --config config.yaml
  backup-sentinel deadletters purge --all --older-than 7d --config config.yaml
"""


class DeadLetterError(SentinelError):
    """What was asked for cannot be done; the text says why."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_common(parser, listen=False, log_format="text")
    parser.set_defaults(log_level="warning")
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("action", choices=("list", "show", "replay", "purge"), help="what to do")
    parser.add_argument("ids", nargs="*", metavar="ID", help="dead letters (show, replay, purge)")
    parser.add_argument("--all", action="store_true", help="every dead letter (replay, purge)")
    parser.add_argument("--channel", metavar="NAME", help="only those of a channel (list, --all)")
    parser.add_argument(
        "--older-than", metavar="DURATION", help="only those that died so long ago (list, --all)"
    )
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json"),
        default="table",
        help="for people or for programs (list, show)",
    )
    parser.add_argument("--url", help="address of the running relay, where `web.listen` does not tell it")
    parser.add_argument("--ca-file", metavar="FILE", help="certificate authorities of that relay (PEM)")


def run(arguments: argparse.Namespace) -> int:
    """Do it and print what was done. Raises DeadLetterError, OutboxError, and what a request may raise."""
    config = load_config(arguments)
    action, path = arguments.action, config.relay.outbox.path
    if bool(arguments.ids) is arguments.all and action != "list":
        raise DeadLetterError(f"{action} which? Give ids" + (" or --all" if action != "show" else ""))
    if action == "show":
        return _show(path, arguments.ids, arguments.output)
    if action == "list":
        _list(_chosen(path, arguments), arguments.output)
        return 0
    identities = arguments.ids or [letter.id for letter in _chosen(path, arguments)]
    outcome = asyncio.run(_change(config, arguments, identities)) if identities else Outcome([], [])
    sys.stdout.write(f"{'replayed' if action == 'replay' else 'purged'}: {len(outcome.done)}\n")
    for text, missed in (("no such dead letter", outcome.unknown), ("its channel is gone", outcome.homeless)):
        sys.stderr.write("".join(f"backup-sentinel: {identity}: {text}\n" for identity in missed))
    return 1 if outcome.unknown or outcome.homeless else 0


def _chosen(path: str, arguments: argparse.Namespace) -> list[Letter]:
    found = read_letters(path, arguments.channel)
    if arguments.older_than is None:
        return found
    try:
        before = time.time() - long_duration(arguments.older_than)
    except DurationError as error:
        raise DeadLetterError(f"--older-than: {error}") from None
    return [letter for letter in found if letter.died < before]


async def _change(config: Config, arguments: argparse.Namespace, identities: list[str]) -> Outcome:
    """Do it here where no relay runs, otherwise ask the relay."""
    if arguments.url is None:
        try:
            outbox = Outbox.open(config.relay.outbox.path, Clock())
        except OutboxInUseError:
            pass
        else:
            try:
                if arguments.action == "purge":
                    return await purge(outbox, identities)
                known = channels(config.notify, config.relay.channels)
                return await replay(outbox, identities, [one.name for one in known])
            finally:
                await outbox.close()
    return await _ask(config, arguments, identities)


async def _ask(config: Config, arguments: argparse.Namespace, identities: list[str]) -> Outcome:
    url = f"{(arguments.url or _address(config)).rstrip('/')}"
    check_url(url, "the address of the relay")
    headers = {"Authorization": _authorization(config.relay.admin), "Content-Type": "application/json"}
    egress = Egress(ClientTLS(ca_file=arguments.ca_file).context())
    told: list[Outcome] = []
    try:
        for begin in range(0, len(identities), MOST):
            body = msgspec.json.encode({"ids": identities[begin : begin + MOST]})
            async with asyncio.timeout(60):
                answer = await egress.request(
                    "POST", f"{url}{PATH}/{arguments.action}", headers=headers, body=body
                )
            told.append(msgspec.json.decode(answer.body, type=Outcome))
    except DeliveryError as error:
        hint = "; --url says where it listens" if arguments.url is None else ""
        raise DeadLetterError(
            f"a relay has the outbox, and at {url} it does not do it: {error}{hint}"
        ) from None
    except (TimeoutError, msgspec.MsgspecError) as error:
        raise DeadLetterError(f"the relay at {url} did not answer as it should: {error}") from None
    finally:
        await egress.close()
    names = Outcome.__struct_fields__
    return Outcome(*([identity for one in told for identity in getattr(one, name)] for name in names))


def _address(config: Config) -> str:
    """Return where the relay of a configuration answers, seen from the same machine."""
    listen = f":{PORT}" if config.web.listen == WebSettings().listen else config.web.listen
    host, _, port = listen.rpartition(":")
    if host.strip("[]") in {"", "::", "0.0.0.0"}:  # noqa: S104 - compared, not bound
        host = "localhost"
    door = FrontDoor.load(config.web.config_file) if config.web.config_file else None
    return f"{'https' if door is not None and door.encrypts else 'http'}://{host}:{port}"


def _authorization(admin: AdminSettings) -> str:
    if admin.tokens:
        return f"Bearer {reveal(admin.tokens[0].token)}"
    if admin.users:
        user = admin.users[0]
        return basic(user.username, reveal(user.password))
    raise DeadLetterError(
        "a relay has the outbox, and only it may change it: give `relay.admin` a token, which it and this command "
        "then use, or stop it first"
    )


def _list(letters: list[Letter], form: str) -> None:
    if form == "json":
        sys.stdout.write(json.dumps([_told(letter) for letter in letters], indent=2) + "\n")
        return
    if not letters:
        sys.stdout.write("No dead letters.\n")
        return
    now = time.time()
    rows = [
        [
            Cell(words.plain(text))
            for text in (
                letter.id,
                letter.channel,
                words.span(max(0.0, now - letter.died)),
                str(letter.attempts),
                letter.reason,
                _title(letter),
                letter.error or "",
            )
        ]
        for letter in letters
    ]
    color = terminal.wants_color("auto", sys.stdout)
    lines = terminal.layout(_COLUMNS, rows, width=terminal.width_of(sys.stdout), color=color)
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _show(path: str, identities: list[str], form: str) -> int:
    found = {identity: read_letter(path, identity) for identity in identities}
    letters = [letter for letter in found.values() if letter is not None]
    if form == "json":
        sys.stdout.write(json.dumps([_told(letter) for letter in letters], indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(_text(letter) for letter in letters))
    missed = [identity for identity, letter in found.items() if letter is None]
    sys.stderr.write("".join(f"backup-sentinel: {identity}: no such dead letter\n" for identity in missed))
    return 1 if missed else 0


def _told(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "channel": letter.channel,
        "attempts": letter.attempts,
        "received": words.iso(letter.received),
        "died": words.iso(letter.died),
        "reason": letter.reason,
        "error": letter.error,
        "message": msgspec.to_builtins(letter.message),
    }


def _text(letter: Letter) -> str:
    told = _told(letter)
    message = json.dumps(told.pop("message"), indent=2)
    fields = {**told, "title": _title(letter)}
    head = "".join(f"{name + ':':10}{words.plain(str(value))}\n" for name, value in fields.items())
    return f"{head}message:  {message}\n"


def _title(letter: Letter) -> str:
    return title(Delivery(id=letter.id, message=letter.message, channel=letter.channel))
