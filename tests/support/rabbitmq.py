"""A real RabbitMQ on ports of its own, told what to do through the Erlang shell on its standard input.

It needs no `rabbitmqctl`, which takes a second or two for each command, and no daemon of the port mapper `epmd`, which
would outlive the tests: the node's own port is given on the command line.
"""

from __future__ import annotations

import itertools
import re
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from .process import Process, ServerError, free_port, lack, wait_until

FLAGS = "-start_epmd false +S 1:1 +sbwt none"
"""Without `epmd`; one scheduler that does not wait busily, as the machine has other tests to run."""


def binary() -> Path:
    """Return the script that starts a node as any user; without it the test is skipped, and fails where CI asks for it."""
    script = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    if not script.is_file() or shutil.which("erl") is None:
        lack("rabbitmq-server is not installed")
    return script


class RabbitServer:
    """Runs a node. `stop` and `start` are those of the broker inside; the Erlang machine goes on in between."""

    def __init__(
        self, folder: Path, password: str, config: str = "", *, tls: bool = False, plugins: Sequence[str] = ()
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.tls_port = free_port() if tls else 0
        self.user, self.password = "admin", password
        self._config = config
        self._plugins = plugins
        self._process: Process | None = None
        self._answers: dict[str, str] = {}
        self._numbers = itertools.count(1)

    def boot(self) -> None:
        """Start the node, and return when it takes connections; some seconds."""
        script = binary()
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        lines = [
            f"listeners.tcp.1 = 127.0.0.1:{self.port}",
            f"default_user = {self.user}",
            f"default_pass = {self.password}",
            "log.console = false",
            "disk_free_limit.absolute = 1MB",
            *([f"listeners.ssl.1 = 127.0.0.1:{self.tls_port}"] if self.tls_port else []),
            self._config,
        ]
        (self.folder / "rabbitmq.conf").write_text("\n".join(lines) + "\n")
        (self.folder / "plugins").write_text(f"[{','.join(self._plugins)}].\n")
        name = f"test{self.port}@localhost"
        environment = {
            "HOME": str(home),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_FLAGS": FLAGS,  # for the machines that the node starts, too
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_NODENAME": name,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-sname {name} {FLAGS} -erl_epmd_port {free_port()}",
        }
        log = self.folder / "rabbitmq.log"
        self._process = Process([script], log, control=True, environment=environment)
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        self.tell("rabbit:await_startup()", 60)

    def halt(self) -> None:
        """End the node at once, as a crash does. What is durable stays."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def start(self) -> None:
        """Start the broker again."""
        self.tell("rabbit:start()")

    def stop(self) -> None:
        """Stop the broker: no listener, no connection."""
        self.tell("rabbit:stop()")

    def tell(self, expression: str, timeout: float = 30.0) -> str:
        """Evaluate an Erlang expression in the node and return its value as text. Raises ServerError."""
        process = self._process
        assert process is not None, "it does not run"
        number = f"{next(self._numbers)}"
        line = f'io:format("~n@@{number} ~0p@@~n", [catch begin {expression} end]).\n'
        process.stdin.write(line.encode())
        process.stdin.flush()
        answer = process.wait_until(lambda: self._answers.pop(number, None), expression, timeout)
        if answer.startswith(("{'EXIT'", "{error")):
            raise ServerError(f"{expression}: {answer}")
        return answer

    def user_may(self, user: str, password: str, write: str = ".*", configure: str = ".*") -> None:
        """Make it so that the user is there, with this password and these rights."""
        self.tell(
            f'case rabbit_auth_backend_internal:exists(<<"{user}">>) of true -> ok; _ -> '
            f'rabbit_auth_backend_internal:add_user(<<"{user}">>, <<"{password}">>, <<"tests">>) end'
        )
        self.tell(
            f'rabbit_auth_backend_internal:change_password(<<"{user}">>, <<"{password}">>, <<"tests">>)'
        )
        rights = ", ".join(f'<<"{right}">>' for right in (configure, write, ".*"))
        self.tell(
            f'rabbit_auth_backend_internal:set_permissions(<<"{user}">>, <<"/">>, {rights}, <<"tests">>)'
        )

    def cut(self) -> None:
        """Cut all connections without a word: a client in a loop that waits for this could not answer."""
        self.tell("[exit(Pid, kill) || Pid <- rabbit_networking:connections()]")
        wait_until(lambda: self.tell("rabbit_networking:connections()") == "[]", "all connections are closed")

    def _read(self, process: Process) -> None:
        log = process.log.open("ab", buffering=0)
        with log:
            for line in iter(process.stdout.readline, b""):
                log.write(line)
                found = re.search(r"@@(\d+) (.*)@@", line.decode(errors="replace"))
                if found:
                    self._answers[found[1]] = found[2]
