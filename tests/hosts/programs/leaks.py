"""On a host, as root: the places where one of its secrets is that others could read, as JSON. Never the secret."""

import json
import os
import re
import stat
import subprocess
from pathlib import Path

FILES = [*Path("/etc/warren/credentials").glob("*"), Path("/var/lib/rabbitmq/.erlang.cookie")]
FOLDERS = ("/etc", "/var/log", "/var/lib/warren", "/run/warren", "/opt/warren")
MOST = 1_000_000  # bytes of a file that is looked through


def secrets() -> set[bytes]:
    """Passwords of addresses, tokens, logins."""
    found: set[str] = set()
    for file in FILES:
        if file.is_file():
            text = file.read_text()
            found |= set(re.findall(r"//[^:@/]*:([^@]+)@", text)) or {word.rpartition(":")[2] for word in text.split()}
    return {secret.encode() for secret in found if len(secret) >= 8}


def said(*command: str) -> bytes:
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def readable() -> list[Path]:
    """Files that any user can read; a folder that is closed closes what is in it."""
    found = []
    for root in FOLDERS:
        for folder, below, names in os.walk(root):
            below[:] = [
                each for each in below if each != "releases" and Path(folder, each).lstat().st_mode & stat.S_IXOTH
            ]
            for path in (Path(folder, name) for name in names):
                mode = path.lstat()
                if stat.S_ISREG(mode.st_mode) and mode.st_mode & stat.S_IROTH and mode.st_size < MOST:
                    found.append(path)
    return found


def main() -> None:
    wanted = secrets()
    places = {
        "the arguments of a process": said("ps", "axww", "-o", "args"),
        "systemd's view of a unit": said(
            "systemctl", "show", "warren-*", "rabbitmq-server.service", "-p", "Environment"
        ),
        "the journal": said("journalctl", "--no-pager", "-o", "cat", "-b", "-n", "20000"),
    } | {str(path): path.read_bytes() for path in readable()}
    print(json.dumps(sorted(place for place, text in places.items() if any(each in text for each in wanted))))


main()
