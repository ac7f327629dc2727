"""What can be set, its defaults, and where it may come from: file < environment < flags.

A key nobody knows is an error that names the nearest one. Values are checked here once, at the
start; nothing else reads the environment.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import secrets
import socket
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import orjson
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from server.tokens import SYMMETRIC

PREFIX = "LIVEROOM_"
NOT_SETTINGS = frozenset({"LIVEROOM_CONFIG", "LIVEROOM_HOST_TOKEN", "LIVEROOM_STATUS_FD"})
SECRET_BYTES_MIN = 32  # off loopback; RFC 7518 section 3.2 for HS256
SECRETS_FILE = "secrets.json"
SECRET_KEYS = ("jwt_secret", "payment_secret")
KEY_NOTE = "PEM or base64 text, or @ and the path of its file"
PROVIDER_KEYS = {
    "stripe": ("stripe_secret_key", "stripe_webhook_secret"),
    "wechat": (
        "wechat_mchid",
        "wechat_appid",
        "wechat_serial",
        "wechat_private_key",
        "wechat_api_v3_key",
        "wechat_public_key",
        "wechat_public_key_id",
    ),
    "alipay": ("alipay_app_id", "alipay_seller_id", "alipay_private_key", "alipay_public_key"),
}
WILDCARD_HOSTS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to


class ConfigError(Exception):
    """The settings cannot be used; the message names the key and what to do. Start is refused."""


Names = Annotated[tuple[str, ...], NoDecode]  # comma separated in the environment


class Settings(BaseModel):
    """Everything that can be set. Empty text means: derived or made at the start by `load`."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535, description="0 takes a free one")
    workers: int = Field(1, ge=1, le=64)
    roles: Names = ("gateway", "duties")
    data_dir: Path = Path("data")
    redis_url: str | None = Field(
        None,
        description="none: a Redis of our own in data_dir; a cluster: redis+cluster://host:port,…",
    )
    redis_wait_replicas: int = Field(
        0, ge=0, le=5, description="replicas that must have a write before it is answered for"
    )
    database_url: str = Field("", description="empty: SQLite in data_dir")

    jwt_secret: SecretStr = SecretStr("")
    jwt_algorithm: Literal["HS256", "HS384", "HS512", "RS256", "ES256"] = "HS256"
    payment_secret: SecretStr = SecretStr("")
    allowed_origins: Names = Field((), description="empty: this server's own address")
    trusted_proxies: Names = Field(
        (), description="addresses or networks whose X-Forwarded-For is believed"
    )
    public_url: str = Field("", description="empty: http://host:port")
    dev: bool = False

    stripe_secret_key: SecretStr = SecretStr("")
    stripe_webhook_secret: SecretStr = Field(SecretStr(""), description="whsec_… of the endpoint")
    wechat_mchid: str = ""
    wechat_appid: str = ""
    wechat_serial: str = Field("", description="serial number of the merchant's certificate")
    wechat_private_key: SecretStr = Field(SecretStr(""), description=KEY_NOTE)
    wechat_api_v3_key: SecretStr = SecretStr("")
    wechat_public_key: SecretStr = Field(SecretStr(""), description=KEY_NOTE + "; WeChat's own")
    wechat_public_key_id: str = Field("", description="PUB_KEY_ID_…, or a certificate's serial")
    alipay_app_id: str = ""
    alipay_seller_id: str = Field("", description="2088…")
    alipay_private_key: SecretStr = Field(SecretStr(""), description=KEY_NOTE)
    alipay_public_key: SecretStr = Field(SecretStr(""), description=KEY_NOTE + "; Alipay's own")
    alipay_gateway: str = "https://openapi.alipay.com/gateway.do"
    alipay_product: Literal["page", "wap"] = "page"

    review_url: str = Field("", description="asked about each comment; empty: nobody is asked")
    review_secret: SecretStr = Field(SecretStr(""), description="signs what the reviewer is sent")
    review_timeout_ms: int = Field(200, ge=10, le=300)
    review_fallback: Literal["allow", "hold"] = Field(
        "allow", description="of a comment the reviewer did not answer about"
    )
    review_at_once_max: int = Field(32, ge=1, le=1_000, description="questions open per worker")

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    drain_s: float = Field(10.0, ge=0, le=600, description="from SIGTERM to the last close")

    max_viewers_per_worker: int = Field(18_000, ge=1, le=1_000_000)
    connections_per_user_max: int = Field(20, ge=1, le=100_000)
    chat_per_viewer_per_s: int = Field(
        20, ge=0, le=100_000, description="of a new room; 0: no limit"
    )
    comments_per_user_per_s: int = Field(
        2, ge=0, le=100_000, description="of a new room; 0: no limit"
    )
    http_tick_ms: int = Field(1_000, ge=200, le=5_000, description="pace of ticks over plain HTTP")
    commands_per_connection_per_s: float = Field(200, ge=0, le=1_000_000, description="0: no limit")
    commands_burst: float = Field(400, ge=1, le=1_000_000)
    body_bytes_max: int = Field(65_536, ge=1024, le=16_777_216, description="of a request")
    handshake_timeout_s: float = Field(10.0, gt=0, le=120)
    hello_timeout_s: float = Field(5.0, gt=0, le=120, description="from the upgrade to hello")

    @field_validator("roles", "allowed_origins", "trusted_proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @model_validator(mode="after")
    def _whole_providers(self) -> Self:
        for name, keys in PROVIDER_KEYS.items():
            given = [key for key in keys if _is_given(getattr(self, key))]
            missing = [key for key in keys if key not in given]
            if given and missing:
                raise ValueError(f"{name} needs {', '.join(missing)} too")
        return self

    @model_validator(mode="after")
    def _signed_review(self) -> Self:
        if self.review_url and not _is_given(self.review_secret):
            raise ValueError("review_url needs review_secret too")
        return self

    @field_validator("roles")
    @classmethod
    def _known_roles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or set(value) - {"gateway", "duties"}:
            raise ValueError("must be gateway, duties, or both")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _exact_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin_of(origin) != origin:
                raise ValueError(f"{origin!r} is not an exact origin such as https://shop.example")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            ipaddress.ip_network(proxy, strict=False)
        return value

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @property
    def payment_providers(self) -> frozenset[str]:
        """The real ones that are configured."""
        return frozenset(
            name for name, keys in PROVIDER_KEYS.items() if _is_given(getattr(self, keys[0]))
        )

    @property
    def sandbox_is_open(self) -> bool:
        """Play money is for trying out: never beside real money, except in dev mode."""
        return self.dev or not self.payment_providers


def load(config_file: Path | None = None, flags: Mapping[str, object] | None = None) -> Settings:
    """The settings in force, every derived value filled in. Raises ConfigError.

    `config_file` defaults to LIVEROOM_CONFIG; flags whose value is None were not given.
    """
    named = config_file or os.environ.get(f"{PREFIX}CONFIG")
    file = Path(named) if named else None
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    if file is not None:
        _refuse_unknown(_keys_of(file), f"in {file}")
    in_environment = (name for name in os.environ if name.upper().startswith(PREFIX))
    _refuse_unknown(
        (name[len(PREFIX) :].lower() for name in in_environment if name not in NOT_SETTINGS),
        "in the environment",
        prefix=PREFIX,
    )
    _refuse_unknown(given, "among the flags")
    try:
        loaded = _loader(file)(**given)
        return _complete(Settings.model_validate(loaded.model_dump()))
    except ValidationError as error:
        raise ConfigError(_explain(error)) from None


def settings_for(data_dir: Path, **given: Any) -> Settings:  # noqa: ANN401 - any setting
    """Complete settings without file or environment; for tests and embedding."""
    values = {"data_dir": data_dir, "port": 0, **given}
    return _complete(Settings.model_validate(values))


def _is_given(value: str | SecretStr) -> bool:
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


def is_loopback(host: str) -> bool:
    """Whether an address to listen on can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(url: str) -> str:
    """Scheme, host and port of an address as a browser sends them in Origin."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower() if parts.scheme and parts.netloc else ""


def _loader(file: Path | None) -> Callable[..., Settings]:
    class Loader(Settings, BaseSettings):
        model_config = SettingsConfigDict(
            env_prefix=PREFIX, env_ignore_empty=True, frozen=True, extra="forbid"
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)

    return Loader


def _keys_of(file: Path) -> Iterable[str]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream).keys()
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not TOML: {error}") from None


def _refuse_unknown(keys: Iterable[str], where: str, prefix: str = "") -> None:
    known = set(Settings.model_fields)
    for key in sorted(set(keys) - known):
        nearest = difflib.get_close_matches(key, known, n=1, cutoff=0)
        shown, better = key, nearest[0]
        if prefix:
            shown, better = prefix + key.upper(), prefix + better.upper()
        raise ConfigError(f"unknown setting {shown} {where}; the nearest known is {better}")


def _explain(error: ValidationError) -> str:
    # Not str(error): that repeats the value, which may be a secret.
    return "; ".join(
        f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in error.errors()
    )


def _complete(settings: Settings) -> Settings:
    if settings.dev and not settings.is_loopback:
        raise ConfigError("dev: only allowed on a loopback host such as 127.0.0.1")
    port = settings.port or _free_port(settings.host)
    data_dir = settings.data_dir.expanduser().absolute()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    public_url = (settings.public_url or f"http://{_shown(settings.host)}:{port}").rstrip("/")
    return settings.model_copy(
        update={
            "port": port,
            "data_dir": data_dir,
            "database_url": settings.database_url
            or f"sqlite+aiosqlite:///{data_dir / 'liveroom.sqlite3'}",
            "public_url": public_url,
            "allowed_origins": settings.allowed_origins
            or _own_origins(settings.host, port, public_url),
            **_secrets(settings, data_dir),
        }
    )


def _own_origins(host: str, port: int, public_url: str) -> tuple[str, ...]:
    hosts = ["127.0.0.1", "localhost", "[::1]"]
    if host not in WILDCARD_HOSTS and not is_loopback(host):
        hosts = [_shown(host)]
    origins = [origin_of(public_url), *(f"http://{name}:{port}" for name in hosts)]
    return tuple(dict.fromkeys(origins))


def _shown(host: str) -> str:
    if host in WILDCARD_HOSTS:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _secrets(settings: Settings, data_dir: Path) -> dict[str, SecretStr]:
    given = {key: getattr(settings, key).get_secret_value() for key in SECRET_KEYS}
    if settings.is_loopback:
        if not all(given.values()):
            made = _kept_secrets(data_dir / SECRETS_FILE)
            given = {key: value or made[key] for key, value in given.items()}
        return {key: SecretStr(value) for key, value in given.items()}
    for key, value in given.items():
        asymmetric = key == "jwt_secret" and settings.jwt_algorithm not in SYMMETRIC
        if not asymmetric and len(value.encode()) < SECRET_BYTES_MIN:
            raise ConfigError(
                f"{key}: {'must be set' if not value else 'is too short'} when the server can be "
                f"reached from other machines ({SECRET_BYTES_MIN} bytes or more, for example from "
                f"`openssl rand -hex 32`); set {PREFIX}{key.upper()}"
            )
    return {key: SecretStr(value) for key, value in given.items()}


def _kept_secrets(path: Path) -> dict[str, str]:
    """Random secrets made once, so that tokens stay good over a restart."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept: dict[str, str] = orjson.loads(path.read_bytes())
        return kept
    with os.fdopen(handle, "wb") as stream:
        made = {key: secrets.token_hex(32) for key in SECRET_KEYS}
        stream.write(orjson.dumps(made))
    return made
