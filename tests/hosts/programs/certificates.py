"""On a host of the app: the certificates its clients are shown, as JSON: host:port to days left, or what is wrong."""

import json
import re
import socket
import ssl
import time
from pathlib import Path

CA = Path("/etc/warren/ca.pem")


def days_left(name: str, port: int) -> float:
    context = ssl.create_default_context(cafile=str(CA) if CA.exists() else None)
    with (
        socket.create_connection((name, port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as connection,
    ):
        certificate = connection.getpeercert() or {}
    return (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / 86400


found: dict[str, object] = {}
for file in Path("/etc/warren/credentials").glob("*"):
    for name, port in re.findall(r"(?:amqps|rediss)://[^@]*@([^:/;]+):(\d+)", file.read_text()):
        try:
            found[f"{name}:{port}"] = days_left(name, int(port))
        except OSError as error:  # also what is wrong with a certificate
            found[f"{name}:{port}"] = str(error)
print(json.dumps(found))
