"""Settings: where they come from, what is refused, what is derived."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.config import ConfigError, load, settings_for

LONG = "x" * 32
PUBLIC = {"host": "0.0.0.0", "jwt_secret": LONG, "payment_secret": LONG}


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default data directory is relative: keep it out of the repository."""
    monkeypatch.chdir(tmp_path)


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_flags_beat_the_environment_and_that_beats_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearer to the person who starts the server, the stronger."""
    file = write(tmp_path / "c.toml", "port = 1001\nworkers = 3\ndrain_s = 7.5\n")
    monkeypatch.setenv("LIVEROOM_PORT", "1002")
    monkeypatch.setenv("LIVEROOM_WORKERS", "4")
    settings = load(file, {"port": 1003, "workers": None})
    assert (settings.port, settings.workers, settings.drain_s) == (1003, 4, 7.5)


def test_the_environment_can_name_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LIVEROOM_CONFIG is --config."""
    monkeypatch.setenv("LIVEROOM_CONFIG", str(write(tmp_path / "c.toml", "workers = 2\n")))
    assert load().workers == 2


def test_an_unknown_key_in_the_file_names_the_nearest(tmp_path: Path) -> None:
    """A typo must not silently leave the default in force."""
    with pytest.raises(ConfigError, match=r"redis_ulr in .*; the nearest known is redis_url"):
        load(write(tmp_path / "c.toml", "redis_ulr = 'x'\n"))


def test_an_unknown_variable_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for the environment."""
    monkeypatch.setenv("LIVEROOM_REDIS_ULR", "x")
    with pytest.raises(ConfigError, match=r"LIVEROOM_REDIS_ULR .* LIVEROOM_REDIS_URL"):
        load()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("port = 'many'", "port"),
        ("port = 70000", "port"),
        ("workers = 0", "workers"),
        ("jwt_algorithm = 'none'", "jwt_algorithm"),
        ("allowed_origins = ['*']", "allowed_origins"),
        ("allowed_origins = ['https://a.example/path']", "allowed_origins"),
        ("roles = ['king']", "roles"),
        ("drain_s = -1", "drain_s"),
        ("port = ", "not TOML"),
    ],
)
def test_a_bad_value_is_refused_and_named(tmp_path: Path, text: str, told: str) -> None:
    """One line that says which key, not a stack trace."""
    with pytest.raises(ConfigError, match=told):
        load(write(tmp_path / "c.toml", text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A path that was given is meant."""
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "absent.toml")


def test_loopback_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    """Tokens stay good over a restart, and only this user can read the secret."""
    first, second = settings_for(tmp_path), settings_for(tmp_path)
    assert first.jwt_secret == second.jwt_secret
    assert first.jwt_secret != first.payment_secret
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("key", ["jwt_secret", "payment_secret"])
@pytest.mark.parametrize("value", ["", "short"])
def test_off_loopback_there_is_no_default_secret(key: str, value: str) -> None:
    """A server that others can reach does not start on a guess; the value is never repeated."""
    with pytest.raises(ConfigError, match=key) as refusal:
        load(flags={**PUBLIC, key: value})
    assert "'short'" not in str(refusal.value)


def test_off_loopback_with_secrets_it_starts() -> None:
    """And writes no secret of its own."""
    settings = load(flags=PUBLIC)
    assert settings.jwt_secret.get_secret_value() == LONG
    assert not (settings.data_dir / "secrets.json").exists()


def test_dev_is_for_loopback_only() -> None:
    """It hands out tokens to whoever asks."""
    with pytest.raises(ConfigError, match="dev"):
        load(flags={**PUBLIC, "dev": True})
    assert load(flags={"dev": True}).dev


def test_origins_default_to_the_servers_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exact origins only; a list may come comma separated."""
    own = load(flags={"port": 8123}).allowed_origins
    assert {"http://127.0.0.1:8123", "http://localhost:8123"} <= set(own)
    assert load(flags={**PUBLIC, "public_url": "https://shop.example/"}).allowed_origins[0] == (
        "https://shop.example"
    )
    monkeypatch.setenv("LIVEROOM_ALLOWED_ORIGINS", "https://a.example, https://b.example:8443")
    assert load().allowed_origins == ("https://a.example", "https://b.example:8443")


def test_no_secret_is_shown(tmp_path: Path) -> None:
    """Neither in the text of the settings nor in an error."""
    settings = settings_for(tmp_path, jwt_secret="very-hidden-value")
    assert "very-hidden-value" not in f"{settings!r}{settings}"
