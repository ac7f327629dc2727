"""The command line: what can be asked for, and how the answers look in a terminal.

Every act is done elsewhere; nothing here is used by a worker.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from server import __version__, config
from server.config import ConfigError, Settings
from server.embedded import EmbeddedRedisError
from server.lifeline import die_with_parent
from server.supervisor import OnReady, StartError, Supervisor
from server.telemetry import configure_logging
from server.tokens import Tokens

DEV_TOKEN_TTL_S = 7 * 24 * 3600
TOKEN_TTL_S = 8 * 3600
DEMO_VIEWERS = 60

app = typer.Typer(
    name="liveroom",
    help="A live-commerce server: rooms, comments, product cards, flash sales.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console()

ConfigFile = Annotated[Path | None, typer.Option("--config", help="Settings file (TOML).")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")]
Workers = Annotated[int | None, typer.Option(help="Worker processes.")]
DataDir = Annotated[Path | None, typer.Option(help="Where everything is kept.")]
RedisUrl = Annotated[str | None, typer.Option(help="Redis to use instead of our own.")]
DatabaseUrl = Annotated[str | None, typer.Option(help="SQL database; SQLite without it.")]
LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error.")]
LogFormat = Annotated[str | None, typer.Option(help="json or console.")]


@app.command()
def serve(
    config: ConfigFile = None,
    host: Host = None,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    database_url: DatabaseUrl = None,
    public_url: Annotated[str | None, typer.Option(help="Address people use.")] = None,
    roles: Annotated[str | None, typer.Option(help="gateway, duties, or both.")] = None,
    drain_s: Annotated[float | None, typer.Option(help="Seconds to say goodbye.")] = None,
    log_level: LogLevel = None,
    log_format: LogFormat = None,
) -> None:
    """Serve until SIGTERM or Ctrl-C; a second signal ends at once."""
    given = {key: value for key, value in locals().items() if key != "config"}
    settings = _load(config, given)
    _supervise(settings, _say_ready)


@app.command()
def dev(
    config: ConfigFile = None,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    database_url: DatabaseUrl = None,
    room: Annotated[str, typer.Option(help="Room to make.")] = "demo",
    demo: Annotated[  # noqa: FBT002 - a flag on the command line
        bool, typer.Option("--demo", help="With products, a sale and a simulated audience.")
    ] = False,
    viewers: Annotated[int, typer.Option(help="Size of the audience.")] = DEMO_VIEWERS,
) -> None:
    """Serve on loopback for trying out: prints addresses and tokens."""
    flags = {
        "host": "127.0.0.1",
        "dev": True,
        "port": port,
        "workers": workers,
        "data_dir": data_dir,
        "redis_url": redis_url,
        "database_url": database_url,
        "drain_s": 1.0,
        "log_level": "warning",
        "log_format": "console",
    }
    settings = _load(config, flags)

    def on_ready(ready: Settings) -> Iterable[subprocess.Popen[bytes]]:
        tokens = _dev_tokens(ready, room)
        _say_ready(ready)
        _print_addresses(ready, room, tokens)
        return [_companion(ready, room, tokens["host"], viewers if demo else None)]

    _supervise(settings, on_ready)


@app.command()
def audit(
    url: Annotated[str | None, typer.Option(help="Server to ask.")] = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
    token: Annotated[str | None, typer.Option(help="Staff token; made here otherwise.")] = None,
) -> None:
    """Check that every unit of every sale is accounted for: 0 balanced, 1 not, 2 unreachable."""
    from server.audit import AuditUnreachable, audit_all  # late: an HTTP client takes long to load

    settings = _load(config, {"data_dir": data_dir})
    asked = (url or settings.public_url).rstrip("/")
    staff = token or _mint(settings, sub="audit", role="admin", ttl_s=60)
    try:
        rooms = audit_all(asked, staff)
    except AuditUnreachable as error:
        typer.echo(f"{asked} cannot be audited: {error}", err=True)
        raise typer.Exit(2) from None
    table = Table("room", "sale", "sku", *COLUMNS, "balanced", title=f"Conservation at {asked}")
    for room_id, answer in rooms.items():
        for sale in answer["sales"]:
            for sku in sale["skus"]:
                numbers = [str(sku[column]) for column in COLUMNS]
                told = "yes" if sku["balanced"] else "[bold red]NO[/]"
                table.add_row(room_id, sale["sale_id"], sku["sku_id"], *numbers, told)
    console.print(table)
    balanced = all(answer["balanced"] for answer in rooms.values())
    typer.echo("balanced" if balanced else "NOT balanced")
    raise typer.Exit(0 if balanced else 1)


@app.command()
def verify(
    proof: Annotated[str, typer.Argument(help="File with a public proof; - reads it from stdin.")],
) -> None:
    """Check a draw, a rain, a gift or a shuffle by its proof alone: 0 it holds, 1 it does not."""
    from server.verifying import run  # late: no other act needs it

    raise typer.Exit(run(proof))


# What these take is told by themselves; the server does not know the load tools.
LOAD_TOOL = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=LOAD_TOOL, add_help_option=False)
def record(context: typer.Context) -> None:
    """Write what happens in a room into a file that `replay` plays; --help tells more."""
    _become("loadtest.record", context.args)


@app.command(context_settings=LOAD_TOOL, add_help_option=False)
def replay(context: typer.Context) -> None:
    """Play a recorded room as load at N times its speed, and judge it; --help tells more."""
    _become("loadtest.replay", context.args)


def _become(module: str, arguments: list[str]) -> None:
    sys.stdout.flush()
    command = [sys.executable, "-m", module, *arguments]
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter, no shell


COLUMNS = ("initial", "restocked", "written_off", "available", "held", "sold")


@app.command()
def token(
    sub: Annotated[str, typer.Option(help="User id.")],
    role: Annotated[str, typer.Option(help="viewer, member, assistant, host …")] = "viewer",
    name: Annotated[str, typer.Option(help="Shown name; the id without it.")] = "",
    room: Annotated[str, typer.Option(help="Room id, or * for all.")] = "*",
    ttl_s: Annotated[int, typer.Option(help="Seconds it is good for.", min=1)] = TOKEN_TTL_S,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print a token signed with the configured secret."""
    settings = _load(config, {"data_dir": data_dir})
    try:
        typer.echo(_mint(settings, sub=sub, role=role, ttl_s=ttl_s, name=name, room=room))
    except ValueError as error:
        _fail(str(error))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"liveroom {__version__}")


def main() -> None:
    """Entry of the `liveroom` script."""
    app()


def _load(file: Path | None, flags: dict[str, Any]) -> Settings:
    try:
        return config.load(file, flags)
    except ConfigError as error:
        _fail(str(error))
        raise


def _check_banks(settings: Settings) -> None:
    from server.banks import MissingLibrary, check_banks  # late: their libraries are large

    try:
        check_banks(settings)
    except (ConfigError, MissingLibrary) as error:
        _fail(str(error))


def _supervise(settings: Settings, on_ready: OnReady) -> None:
    configure_logging(settings.log_level, settings.log_format)
    if settings.payment_providers:
        _check_banks(settings)
    try:
        raise typer.Exit(Supervisor(settings, on_ready=on_ready).run())
    except (StartError, EmbeddedRedisError) as error:
        _fail(str(error))


def _fail(message: str) -> None:
    typer.echo(f"liveroom: {message}", err=True)
    raise typer.Exit(2)


def _say_ready(settings: Settings) -> Iterable[subprocess.Popen[bytes]]:
    typer.echo(f"liveroom ready {settings.public_url}")
    sys.stdout.flush()
    return ()


def _mint(settings: Settings, **claims: Any) -> str:  # noqa: ANN401
    tokens = Tokens(settings.jwt_secret.get_secret_value(), settings.jwt_algorithm)
    return tokens.mint(now_ms=time.time_ns() // 1_000_000, **claims)


def _dev_tokens(settings: Settings, room: str) -> dict[str, str]:
    people = {"host": "主播 Lin", "viewer": "Guest of honour"}
    return {
        role: _mint(
            settings, sub=f"dev-{role}", role=role, name=name, room="*", ttl_s=DEV_TOKEN_TTL_S
        )
        for role, name in people.items()
    }


def _print_addresses(settings: Settings, room: str, tokens: dict[str, str]) -> None:
    url = settings.public_url
    lines = {
        "start here": f"{url}/",
        "player": f"{url}/room/{quote(room)}",
        "screen": f"{url}/screen/{quote(room)}",
        "console": f"{url}/console/{quote(room)}#token={tokens['host']}",
        **{f"{role} token": text for role, text in tokens.items()},
    }
    for what, line in lines.items():  # unbroken, so that they can be clicked and copied
        console.print(f"  [bold cyan]{what:<13}[/]{line}", soft_wrap=True, highlight=False)
    console.print("Ctrl-C ends everything.")


def _companion(
    settings: Settings, room: str, host_token: str, viewers: int | None
) -> subprocess.Popen[bytes]:
    """The process that fills the room and then plays its audience; ends with this one."""
    command = [sys.executable, "-m", "server.demo", "--url", settings.public_url, "--room", room]
    command += ["--bare"] if viewers is None else ["--viewers", str(viewers)]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LIVEROOM_HOST_TOKEN": host_token},
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
