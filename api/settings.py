"""Everything that can be set from outside, and the only reader of the environment."""

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
    """An environment variable with a value that means nothing; ``allowed`` says what would."""

    def __init__(self, name: str, value: str, allowed: str) -> None:
        self.name, self.value, self.allowed = name, value, allowed
        super().__init__(f"{name}={value!r}; allowed: {allowed}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is OUTPOST_<NAME> in the environment; ``help`` is its line in docs/operations.md."""

    index: Path = field(default=Path("var/index"), metadata={"help": "directory of the index"})
    engine: str = field(
        default=DEFAULT_ENGINE,
        metadata={
            "help": "columns or whoosh: engine that builds the index in the directory; "
            "opensearch://host:9200/name: cluster that the index is on",
        },
    )
    engine_user: str = field(default="", metadata={"help": "user at the cluster", "verbatim": True})
    engine_password: str = field(default="", repr=False, metadata={"help": "password at the cluster", "verbatim": True})
    engine_token: str = field(
        default="", repr=False, metadata={"help": "bearer token for the cluster, in place of both", "verbatim": True}
    )
    engine_ca: str = field(
        default="", metadata={"help": "file of the authorities that may vouch for the cluster; none: the usual ones"}
    )
    host: str = field(default="127.0.0.1", metadata={"help": "address to listen on"})
    port: int = field(default=8000, metadata={"help": "port to listen on", "range": (1, 65535)})
    workers: int = field(
        default=0, metadata={"help": "server processes; 0: one for each core, at most 4", "range": (0, 64)}
    )
    public_url: str = field(
        default="",
        metadata={
            "help": "what stands before the paths in links, as https://news.example.com; none: paths",
            "pattern": "https?://.+", "allowed": "a URL that begins with http:// or https://",
        },
    )  # fmt: skip
    rate_limit: str = field(
        default="",
        metadata={
            "help": "requests that a client may send to one server process, as 100/minute; none: any number",
            "pattern": "[1-9][0-9]{0,6}/(second|minute|hour|day)",
            "allowed": "a number and second, minute, hour or day, as 100/minute",
        },
    )
    proxies: int = field(
        default=0,
        metadata={
            "help": "own proxies in front, each of which adds to X-Forwarded-For: they tell whose rate counts",
            "range": (0, 10),
        },
    )
    slow_ms: int = field(
        default=500,
        metadata={"help": "requests that take so many milliseconds are told in the log; 0: none", "range": (0, 60_000)},
    )
    metrics: str = field(
        default="",
        metadata={
            "help": "directory in which the processes of one server count together; none: each counts for itself, "
            "but `outpost serve` makes one"
        },
    )
    pages: str = field(
        default="on",
        metadata={
            "help": "whether there are pages for readers; off: the API alone, and /s/ leads to the story in it",
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
        assert address, "from_env has checked it"
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
        """Raises InvalidSetting."""
        env = os.environ if env is None else env
        given: dict[str, object] = {}
        for setting in fields(cls):
            name = variable_of(setting.name)
            if text := env.get(name, ""):
                given[setting.name] = _parse(name, text, setting.default, setting.metadata)
        settings = cls(**given)  # type: ignore[arg-type]  # _parse gives each field the type of its default
        if settings.engine not in ENGINES and read_address(settings.engine) is None:
            # What is no address may hold a password.
            allowed = f"{', '.join(ENGINES)}, {ALLOWED}; user and password have variables of their own"
            raise InvalidSetting(variable_of("engine"), "(not shown)", allowed)
        if settings.engine_ca and not _is_authority(settings.engine_ca):
            raise InvalidSetting(variable_of("engine_ca"), settings.engine_ca, "a file of certificates, as PEM")
        return settings

    def to_env(self) -> dict[str, str]:
        """What ``from_env`` reads the same settings from: for processes that are started."""
        return {variable_of(setting.name): str(getattr(self, setting.name)) for setting in fields(self)}


def _is_authority(file: str) -> bool:
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
        bare = text.rstrip("/")
        if not re.fullmatch(metadata.get("pattern", ".*"), bare):
            raise InvalidSetting(name, text, metadata.get("allowed", ""))
        return bare
    low, high = metadata["range"]
    if not text.isdecimal() or not low <= int(text) <= high:
        raise InvalidSetting(name, text, f"{low} to {high}")
    return int(text)
