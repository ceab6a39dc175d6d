"""The certificate authority that a binding brings: libraries want it as a file, bindings hold it as text."""

import atexit
import base64
import binascii
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.broker.url import AddressError

# At any depth: our own marketplace; Kubernetes' TLS secrets; IBM Cloud, in base64.
_NAMES = {"cacrt", "ca.crt", "certificate_base64"}
_PEM = "-----BEGIN CERTIFICATE-----"


def authority_file(values: Any, source: str) -> str | None:
    """A file with the authority among a binding's values; None when it brings none. Raises AddressError."""
    found = _find(values)
    if found is None:
        return None
    name, text = found
    if _PEM not in text:
        try:
            text = base64.b64decode(text, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            text = ""
    if _PEM not in text:
        raise AddressError(f"{source}: its {name} is no certificate in PEM; set WARREN_BROKER_CA to a file that is")
    try:
        return _kept(text)
    except OSError as error:
        raise AddressError(
            f"{source}: its {name} cannot be written to a file ({error.strerror}); set WARREN_BROKER_CA to one"
        ) from error


def _find(values: Any) -> tuple[str, str] | None:
    if isinstance(values, Mapping):
        for name, value in values.items():
            if name in _NAMES and isinstance(value, str) and value.strip():
                return str(name), value
    nested = values.values() if isinstance(values, Mapping) else values if isinstance(values, list) else ()
    return next((found for value in nested if (found := _find(value))), None)


@lru_cache(maxsize=8)
def _kept(text: str) -> str:
    """Of this process and those it forks; gone when it ends."""
    descriptor, name = tempfile.mkstemp(prefix="warren-ca-", suffix=".pem")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    atexit.register(_remove, Path(name), os.getpid())
    return name


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # forked processes run this too
        with suppress(OSError):
            path.unlink()
