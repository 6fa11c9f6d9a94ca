"""The settings of the server. No other module reads environment variables."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from index.engines import DEFAULT_ENGINE, ENGINES
from index.engines.opensearch.connection.address import ALLOWED, read_address
from index.errors import OutpostError
from index.stores import Location


class InvalidSetting(OutpostError):
    """An environment variable has an invalid value; ``allowed`` describes the valid ones."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        self.name, self.value, self.allowed = name, value, allowed
        super().__init__(f"invalid {name}={value!r}; allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is OUTPOST_<NAME> in the environment; ``help`` is its line in docs/operations.md."""

    index: Path = field(default=Path("var/index"), metadata={"help": "directory of the index"})
    engine: str = field(
        default=DEFAULT_ENGINE,
        metadata={
            "help": "columns or whoosh: engine that builds the index in the directory; "
            "opensearch://host:9200/name: OpenSearch cluster of the index",
        },
    )
    engine_user: str = field(default="", metadata={"help": "user name for the cluster", "verbatim": True})
    engine_password: str = field(
        default="", repr=False, metadata={"help": "password for the cluster", "verbatim": True}
    )
    engine_token: str = field(
        default="",
        repr=False,
        metadata={"help": "bearer token for the cluster, instead of user and password", "verbatim": True},
    )
    engine_ca: str = field(
        default="",
        metadata={
            "help": "PEM file of the certificate authorities to trust for the cluster; none: those of the system"
        },
    )
    host: str = field(default="127.0.0.1", metadata={"help": "address to listen on"})
    port: int = field(default=8000, metadata={"help": "port to listen on", "range": (1, 65535)})
    workers: int = field(default=0, metadata={"help": "server processes; 0: one per core, at most 4", "range": (0, 64)})
    public_url: str = field(
        default="",
        metadata={
            "help": "base URL for links in answers, such as https://news.example.com; none: links are paths",
            "pattern": "https?://.+", "allowed": "a URL that begins with http:// or https://",
        },
    )  # fmt: skip
    rate_limit: str = field(
        default="",
        metadata={
            "help": "requests that a client may send to each server process, such as 100/minute; none: no limit",
            "pattern": "[1-9][0-9]{0,6}/(second|minute|hour|day)",
            "allowed": "a number per second, minute, hour or day, such as 100/minute",
        },
    )
    proxies: int = field(
        default=0,
        metadata={
            "help": "number of your own proxies in front that add to X-Forwarded-For; the rate limit "
            "takes the client's address from there",
            "range": (0, 10),
        },
    )
    slow_ms: int = field(
        default=500,
        metadata={
            "help": "requests that take this many milliseconds or more are logged as slow; 0: none",
            "range": (0, 60_000),
        },
    )
    metrics: str = field(
        default="",
        metadata={
            "help": "directory where the processes of one server share their metrics; none: each process has its own, "
            "but `outpost serve` creates a directory"
        },
    )
    pages: str = field(
        default="on",
        metadata={
            "help": "whether to serve HTML pages; off: only the API, and /s/ redirects to the story in the API",
            "pattern": "on|off", "allowed": "on or off",
        },
    )  # fmt: skip

    @property
    def place(self) -> Location:
        """Where the index is."""
        if self.engine in ENGINES:
            return self.index
        address = read_address(
            self.engine, user=self.engine_user, password=self.engine_password, token=self.engine_token,
            ca=self.engine_ca, scratch=self.index,
        )  # fmt: skip
        assert address, "from_env checks the address"
        return address

    @property
    def directory_engine(self) -> str:
        """The engine that builds an index in a directory."""
        return self.engine if self.engine in ENGINES else DEFAULT_ENGINE

    @property
    def metrics_directory(self) -> Path | None:
        return Path(self.metrics) if self.metrics else None

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from ``env``, by default the environment of the process. Raises InvalidSetting."""
        env = os.environ if env is None else env
        values: dict[str, object] = {}
        for setting in fields(cls):
            name = variable_of(setting.name)
            if text := env.get(name, ""):
                values[setting.name] = _parse(name, text, setting.default, setting.metadata)
        settings = cls(**values)  # type: ignore[arg-type]  # _parse gives each field the type of its default
        if settings.engine not in ENGINES and read_address(settings.engine) is None:
            # An invalid address may contain a password, so it is not shown.
            names = ", ".join(ENGINES)
            allowed = f"{names}, {ALLOWED}; user and password belong in OUTPOST_ENGINE_USER and OUTPOST_ENGINE_PASSWORD"
            raise InvalidSetting(variable_of("engine"), "(not shown)", allowed)
        if settings.engine_ca and not _is_certificate_file(settings.engine_ca):
            raise InvalidSetting(variable_of("engine_ca"), settings.engine_ca, "a PEM file of certificates")
        return settings

    def to_env(self) -> dict[str, str]:
        """Environment variables from which ``from_env`` reads these settings, for child processes."""
        return {variable_of(setting.name): str(getattr(self, setting.name)) for setting in fields(self)}


def _is_certificate_file(file: str) -> bool:
    try:
        ssl.create_default_context(cafile=file)
    except OSError:
        return False
    return True


def variable_of(field_name: str) -> str:
    return "OUTPOST_" + field_name.upper()


def _parse(name: str, text: str, default: object, metadata: Mapping[str, Any]) -> object:
    if isinstance(default, Path):
        return Path(text)
    if metadata.get("verbatim"):
        return text
    if isinstance(default, str):
        stripped = text.rstrip("/")
        if not re.fullmatch(metadata.get("pattern", ".*"), stripped):
            raise InvalidSetting(name, text, metadata.get("allowed", ""))
        return stripped
    low, high = metadata["range"]
    if not text.isdecimal() or not low <= int(text) <= high:
        raise InvalidSetting(name, text, f"{low} to {high}")
    return int(text)
