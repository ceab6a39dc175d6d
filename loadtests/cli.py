"""The `warren` command. Each family of commands is a module in `loadtests/commands`, loaded when it is asked for."""

from importlib import import_module
from typing import Any

import click

from loadtests import interrupt
from loadtests.exits import INTERRUPTED

# Command → module of loadtests.commands that holds a click command of that name.
COMMANDS = {
    "check": "check",
    "manifest": "manifest",
    "up": "stack",
    "down": "stack",
    "status": "stack",
    "logs": "stack",
    "bench": "bench",
    "report": "report",
    "compare": "compare",
    "faults": "faults",
    "gate": "gate",
    "capacity": "capacity",
    "plan": "capacity",
    "tune": "tune",
    "selfcheck": "selfcheck",
    "dead": "dead",
}


class _Lazy(click.Group):
    """Imports a command's module only when that command runs: `warren check` must not wait for Locust."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = getattr(import_module(f"loadtests.commands.{COMMANDS[name]}"), name)
        assert isinstance(command, click.Command)
        return command

    def main(self, *args: Any, **more: Any) -> Any:
        """As click does it, but Ctrl-C and SIGTERM end alike: after cleaning up, with the exit code shells use."""
        interrupt.install()
        try:
            code = super().main(*args, **more | {"standalone_mode": False})
        except click.ClickException as error:
            error.show()
            raise SystemExit(error.exit_code) from error
        except (click.Abort, KeyboardInterrupt) as error:
            click.echo("interrupted", err=True)
            raise SystemExit(INTERRUPTED) from error
        raise SystemExit(code if isinstance(code, int) else 0)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="warren")
def main() -> None:
    """Celery on RabbitMQ, in production, with the proof of what it carries."""


if __name__ == "__main__":
    main()
