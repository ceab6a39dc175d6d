"""What the marketplace broker is told: WARREN_MARKETPLACE_… in the environment or a `.env` file."""

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.broker.url import AddressError, BrokerAddress, parse_url
from app.loopback import is_loopback
from app.marketplace.plans import SHIPPED, Offering, load_offering
from app.settings import SettingsError, read_secret

PREFIX = "WARREN_MARKETPLACE_"
# Passwords follow from the key; below this many characters it could be guessed.
_KEY_LENGTH = 32


class MarketplaceSettings(BaseSettings):
    """Each field is the variable of that name in capitals, after WARREN_MARKETPLACE_."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    host: str = "127.0.0.1"
    port: int = Field(8090, ge=1, le=65535, validation_alias=AliasChoices(f"{PREFIX}PORT", "PORT"))
    # With both it serves HTTPS. Without, have something before it that does: the answers hold passwords.
    tls_cert: Path | None = None
    tls_key: Path | None = None
    # Several lines where a former login or key shall still be known: the first one is the present one.
    login_file: Path = Field(description="a file with user:password, which the platform shows")
    key_file: Path = Field(description="a file with what passwords are made from: openssl rand -hex 32 > FILE")
    api: str = Field(description="RabbitMQ's management API, such as https://broker1:15671 https://broker2:15671")
    api_login_file: Path = Field(description="a file with user:password of a RabbitMQ user tagged `administrator`")
    brokers: str = Field(description="where applications find RabbitMQ, such as amqps://broker1 amqps://broker2")
    # The authority that signed the brokers' certificates, for this process and for the applications.
    ca: Path | None = None
    plans: Path = SHIPPED
    # Seconds that a request waits for a vhost to start before it goes on asynchronously; 0: never wait.
    patience: float = Field(5.0, ge=0, le=30)

    @classmethod
    def load(cls) -> "MarketplaceSettings":
        """Settings of this process, every file read once. Raises SettingsError that names each wrong variable."""
        try:
            settings = cls()
        except ValidationError as error:
            raise SettingsError("\n".join(map(_complaint, error.errors()))) from error
        _ = settings.logins, settings.keys, settings.api_addresses, settings.api_login, settings.address
        _ = settings.ca_text, settings.offering
        if (settings.tls_cert is None) != (settings.tls_key is None):
            raise SettingsError(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY: set both, or neither for plain HTTP")
        for variable, path in (("TLS_CERT", settings.tls_cert), ("TLS_KEY", settings.tls_key)):
            if path:
                read_secret(path, PREFIX + variable)
        return settings

    @cached_property
    def logins(self) -> tuple[tuple[str, str], ...]:
        """What a platform may show."""
        return _logins(self.login_file, f"{PREFIX}LOGIN_FILE")

    @cached_property
    def api_login(self) -> tuple[str, str]:
        """This broker's own user at RabbitMQ."""
        return _logins(self.api_login_file, f"{PREFIX}API_LOGIN_FILE")[0]

    @cached_property
    def keys(self) -> tuple[bytes, ...]:
        """The present key, then former ones."""
        keys = _lines(self.key_file, f"{PREFIX}KEY_FILE")
        if short := [key for key in keys if len(key) < _KEY_LENGTH]:
            raise SettingsError(
                f"{PREFIX}KEY_FILE: {len(short)} of its lines have fewer than {_KEY_LENGTH} characters and could be "
                f"guessed; make one by: openssl rand -hex 32 > {self.key_file}"
            )
        return tuple(key.encode() for key in keys)

    @cached_property
    def api_addresses(self) -> tuple[str, ...]:
        """Without a slash at the end."""
        addresses = tuple(address.rstrip("/") for address in _several(self.api))
        for address in addresses:
            parts = urlsplit(address)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.path:
                raise SettingsError(f"{PREFIX}API: write each address as https://host:port, the login in a file")
            if parts.scheme == "http" and not is_loopback(parts.hostname):
                raise SettingsError(
                    f"{PREFIX}API: {address} would carry the administrator's password in the clear; use https:// "
                    "(RabbitMQ: management.ssl.port), or run this process on the broker's own host"
                )
        return addresses

    @cached_property
    def address(self) -> BrokerAddress:
        """All brokers; user, password and vhost are each binding's own."""
        try:
            address = parse_url(";".join(_several(self.brokers)), f"{PREFIX}BROKERS")
        except AddressError as error:
            raise SettingsError(str(error)) from error
        if "@" in self.brokers or address.vhost != "/":
            raise SettingsError(f"{PREFIX}BROKERS: only amqps://host:port; each binding has its own login and vhost")
        return replace(address, ca_file=str(self.ca) if self.ca else None)

    @cached_property
    def ca_text(self) -> str | None:
        """PEM."""
        return read_secret(self.ca, f"{PREFIX}CA") + "\n" if self.ca else None

    @cached_property
    def offering(self) -> Offering:
        return load_offering(self.plans)


def _complaint(error: Any) -> str:
    field = str(error["loc"][0])
    variable = field if field.startswith(PREFIX) else PREFIX + field.upper()
    description = getattr(MarketplaceSettings.model_fields.get(field), "description", None)
    what = "not set" if error["type"] == "missing" else error["msg"]
    return f"{variable}: {what}" + (f"; it says {description}" if description else "")


def _several(text: str) -> list[str]:
    return [part for part in re.split(r"[\s,;]+", text) if part]


def _lines(path: Path, variable: str) -> list[str]:
    return [line.strip() for line in read_secret(path, variable).splitlines() if line.strip()]


def _logins(path: Path, variable: str) -> tuple[tuple[str, str], ...]:
    found = []
    for line in _lines(path, variable):
        user, colon, password = line.partition(":")
        if not (user and colon and password):
            raise SettingsError(f"{variable}: {path} must hold user:password, one a line")
        found.append((user, password))
    return tuple(found)
