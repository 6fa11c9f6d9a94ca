"""Settings come from the environment, and a wrong one is told before anything starts."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from api.settings import InvalidSetting, Settings, variable_of


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()


def test_empty_variables_and_those_of_others_are_not_looked_at() -> None:
    assert Settings.from_env({"OUTPOST_PORT": "", "PORT": "1", "OUTPOST_UNHEARD_OF": "x"}) == Settings()


def test_every_setting_can_be_set() -> None:
    given = {
        "index": "/data/index",
        "host": "0.0.0.0",
        "port": "9000",
        "workers": "3",
        "public_url": "https://news.test/",
        "rate_limit": "100/minute",
        "proxies": "1",
        "slow_ms": "250",
        "metrics": "/run/outpost",
        "pages": "off",
    }
    settings = Settings.from_env({variable_of(name): value for name, value in given.items()})
    expected = Settings(
        index=Path("/data/index"), host="0.0.0.0", port=9000, workers=3, public_url="https://news.test",
        rate_limit="100/minute", proxies=1, slow_ms=250, metrics="/run/outpost", pages="off",
    )  # fmt: skip
    assert settings == expected


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPOST_PORT", "8123")
    assert Settings.from_env().port == 8123


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.metadata["help"] for field in fields(Settings))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("OUTPOST_PORT", "http", "1 to 65535"),
        ("OUTPOST_PORT", "0", "1 to 65535"),
        ("OUTPOST_PORT", "65536", "1 to 65535"),
        ("OUTPOST_PORT", "-1", "1 to 65535"),
        ("OUTPOST_PORT", "80.0", "1 to 65535"),
        ("OUTPOST_PORT", "²", "1 to 65535"),
        ("OUTPOST_WORKERS", "65", "0 to 64"),
        ("OUTPOST_PUBLIC_URL", "news.test", "a URL that begins with http:// or https://"),
        ("OUTPOST_PUBLIC_URL", "javascript:alert(1)", "a URL that begins with http:// or https://"),
        ("OUTPOST_PUBLIC_URL", "https://", "a URL that begins with http:// or https://"),
        ("OUTPOST_RATE_LIMIT", "100", "a number per second, minute, hour or day, such as 100/minute"),
        ("OUTPOST_RATE_LIMIT", "0/minute", "a number per second, minute, hour or day, such as 100/minute"),
        ("OUTPOST_RATE_LIMIT", "100/week", "a number per second, minute, hour or day, such as 100/minute"),
        ("OUTPOST_RATE_LIMIT", "-1/second", "a number per second, minute, hour or day, such as 100/minute"),
        ("OUTPOST_PROXIES", "11", "0 to 10"),
        ("OUTPOST_PAGES", "no", "on or off"),
    ],
)
def test_a_value_that_means_nothing_is_told_with_what_would(name: str, value: str, allowed: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        Settings.from_env({name: value})
    assert (caught.value.name, caught.value.value, caught.value.allowed) == (name, value, allowed)
    assert str(caught.value) == f"invalid {name}={value!r}; allowed: {allowed}"
