"""Which payment providers the settings open, and what a half-configured one says."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr, ValidationError
from typer.testing import CliRunner

from flash_sale.providers.libraries import MissingLibrary, library
from server.banks import BankLine, real_banks
from server.cli import app
from server.config import ConfigError, settings_for
from tests.flash_sale import gateways

STRIPE = {"stripe_secret_key": "sk", "stripe_webhook_secret": "whsec"}


def test_a_provider_is_there_when_its_keys_are(tmp_path: Path) -> None:
    assert settings_for(tmp_path).payment_providers == frozenset()
    assert settings_for(tmp_path, **STRIPE).payment_providers == {"stripe"}


def test_play_money_is_closed_beside_real_money(tmp_path: Path) -> None:
    assert settings_for(tmp_path).sandbox_is_open
    assert not settings_for(tmp_path, **STRIPE).sandbox_is_open
    assert settings_for(tmp_path, dev=True, **STRIPE).sandbox_is_open


def test_a_half_configured_provider_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="wechat needs wechat_appid, wechat_serial"):
        settings_for(tmp_path, wechat_mchid="1")


def test_a_banks_secrets_are_not_shown(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, **STRIPE)
    assert "whsec" not in repr(settings)
    assert settings.stripe_webhook_secret == SecretStr("whsec")


async def test_keys_may_stand_in_files_and_bad_ones_are_named(tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_text(gateways.private_pem("app"))
    keys = {
        "alipay_app_id": "1",
        "alipay_seller_id": "2",
        "alipay_private_key": f"@{tmp_path / 'app.pem'}",
        "alipay_public_key": gateways.public_pem("alipay"),
    }
    async with aiohttp.ClientSession() as session:
        line = BankLine(session)
        [bank] = real_banks(settings_for(tmp_path, **keys), line, lambda: 0)
        assert bank.name == "alipay"
        for bad in ("@/nowhere.pem", "nonsense"):
            settings = settings_for(tmp_path, **{**keys, "alipay_public_key": bad})
            with pytest.raises(ConfigError, match="alipay"):
                real_banks(settings, line, lambda: 0)


def test_a_bad_key_is_told_before_anything_starts(tmp_path: Path) -> None:
    keys = dict(
        zip(("alipay_app_id", "alipay_seller_id", "alipay_private_key"), "12x", strict=True)
    )
    keys["alipay_public_key"] = "@/nowhere.pem"
    given = {f"LIVEROOM_{name.upper()}": value for name, value in keys.items()}
    started = CliRunner().invoke(app, ["serve", "--data-dir", str(tmp_path)], env=given)
    assert started.exit_code != 0
    assert "alipay_*: a key cannot be read" in started.output
    assert not list(tmp_path.glob("*redis*"))


def test_a_missing_library_says_what_to_install() -> None:
    with pytest.raises(MissingLibrary, match=r"install liveroom\[payments\]"):
        library("no_such_library")
