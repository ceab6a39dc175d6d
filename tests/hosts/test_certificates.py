"""Certificates, as clients see them."""

from pathlib import Path
from typing import Any

import pytest

from .units import APP

PROGRAM = (Path(__file__).parent / "programs/certificates.py").read_text()
DAYS = 21  # site.yml renews in the last month: it has not been run for a while, then


@pytest.mark.on(*APP)
def test_certificates_are_trusted_and_not_about_to_end(host: Any, remote: Any) -> None:
    found = remote.python(host.machine, PROGRAM)
    if not found:
        pytest.skip("nothing is reached with TLS")
    refused = {server: why for server, why in found.items() if isinstance(why, str)}
    assert not refused, (
        f"from {host.machine.name}: {refused}; does it run, is its name in the certificate? run site.yml"
    )
    short = {server: round(days) for server, days in found.items() if days < DAYS}
    assert not short, f"days left: {short}; run site.yml, which renews them, or bring new ones of your authority"
