"""What one process is told by its environment or a `.env` file: addresses, secrets, folders. The rest is stack.yml."""

import tempfile
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, AnyHttpUrl, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.units import Size

# What keeps tasks safe and can be switched off, only to measure what it costs.
Unsafe = Literal["early-ack", "no-confirms"]


class SettingsError(ValueError):
    """A setting in the environment has a value that cannot work; the text names the variable."""


class Settings(BaseSettings):
    """Each field is the environment variable of that name in capitals. The broker's address: `app.broker.address`."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    stack_file: Path = Path("stack.yml")
    # Where this process keeps files: SQLite results, measured records not yet sent, downloads.
    warren_data_dir: Path = Path(".warren/data")
    # Where results go: db+sqlite:///…, redis://…, db+postgresql+psycopg://…, rpc://. None: SQLite in the data folder.
    celery_backend_url: str | None = Field(None, repr=False)
    # A variable that ends in _FILE names a file that holds the value, for secrets that no environment should show.
    celery_backend_url_file: Path | None = None

    warren_host: str = "127.0.0.1"
    warren_port: int = Field(8080, ge=0, le=65535, validation_alias=AliasChoices("WARREN_PORT", "PORT"))
    warren_token: str | None = Field(None, repr=False)
    warren_token_file: Path | None = None
    warren_front_page: Literal["gendog", "longtime_add"] = "gendog"

    warren_dog_api: AnyHttpUrl = AnyHttpUrl("https://dog.ceo/api")
    warren_download_max: Size = Field("100MB", validate_default=True)
    warren_download_private: bool = False

    # Metrics (port 0: off), and the file whose age says that a worker, beat or the consumer does its work.
    warren_metrics_host: str = "127.0.0.1"
    warren_metrics_port: int = Field(0, ge=0, le=65535)
    warren_heartbeat_file: Path | None = None

    # Only for measuring, never for tasks that matter; a list with commas. Each process warns of it at its start.
    # early-ack: a worker acknowledges a task before it runs it. no-confirms: 202 says "sent", not "on the broker".
    warren_unsafe: Annotated[frozenset[Unsafe], NoDecode] = frozenset()

    flower_host: str = "127.0.0.1"
    # Not FLOWER_PORT: a Kubernetes Service called `flower` puts a tcp:// address there.
    flower_listen_port: int = Field(5555, ge=1, le=65535)
    flower_basic_auth: str | None = Field(None, repr=False)
    flower_basic_auth_file: Path | None = None

    @field_validator("warren_token", "flower_basic_auth")
    @classmethod
    def _no_blanks(cls, value: str | None) -> str | None:
        if value is not None and value != value.strip():
            raise ValueError("starts or ends with white space; remove it")
        return value

    @field_validator("warren_unsafe", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value

    @classmethod
    def load(cls) -> "Settings":
        """Settings of this process. Raises SettingsError that names every wrong variable."""
        try:
            return cls()
        except ValidationError as error:
            raise SettingsError("\n".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())) from error

    def data_folder(self) -> Path:
        """The data folder, made where it is not there. Raises SettingsError when nothing can be written in it."""
        try:
            self.warren_data_dir.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.warren_data_dir).close()
        except OSError as error:
            why = (
                f"WARREN_DATA_DIR: {self.warren_data_dir}: {error.strerror}; name a folder that this user may write to"
            )
            raise SettingsError(why) from error
        return self.warren_data_dir

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """The front end's tokens: one, or a line each in the file, so that an old one can go after all know the new."""
        if self.warren_token:
            return (self.warren_token,)
        text = read_secret(self.warren_token_file, "WARREN_TOKEN_FILE") if self.warren_token_file else ""
        return tuple(line.strip() for line in text.splitlines() if line.strip())

    @cached_property
    def flower_login(self) -> str | None:
        """`user:password` for Flower."""
        if self.flower_basic_auth or not self.flower_basic_auth_file:
            return self.flower_basic_auth
        return read_secret(self.flower_basic_auth_file, "FLOWER_BASIC_AUTH_FILE")

    @cached_property
    def result_url(self) -> str:
        """Where results are kept. Raises SettingsError."""
        if self.celery_backend_url:
            return self.celery_backend_url
        if self.celery_backend_url_file:
            return read_secret(self.celery_backend_url_file, "CELERY_BACKEND_URL_FILE")
        return f"db+sqlite:///{self.data_folder().absolute() / 'results.db'}"


def read_secret(path: Path, variable: str) -> str:
    """What the file that `variable` names holds. Raises SettingsError when it cannot be read or is empty."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{variable}: {path}: {getattr(error, 'strerror', None) or 'not text'}") from error
    if not text:
        raise SettingsError(f"{variable}: {path} is empty")
    return text
