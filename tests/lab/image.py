"""The root file system every host starts from: a bare server of one suite, built once, kept in the user's cache."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from .errors import LabError
from .programs import run

SUITES = ("trixie", "bookworm")
# What a server has after its installation and no more; the roles bring the rest.
INSTALLED = (
    "systemd", "systemd-sysv", "dbus", "libpam-systemd", "udev", "openssh-server", "sudo", "python3", "python3-apt",
    "ca-certificates", "iproute2", "iputils-ping", "procps", "curl", "less", "netbase", "dmidecode",
)  # fmt: skip
# Not installed, only there: what the roles install comes from the disk and needs no mirror while a test runs.
CARRIED = (
    "rabbitmq-server", "valkey-server", "redis-server", "postgresql", "python3-venv", "python3-psycopg2",
    "python3-requests", "python3-packaging", "python3-cryptography", "acl", "openssl", "nftables",
)  # fmt: skip
MASKED = (
    # Nobody sits in front of a lab host, its network is there before it boots, and apt must not run by itself.
    "getty.target", "console-getty.service", "systemd-networkd-wait-online.service",
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer",
    # A second systemd for each login takes inotify instances, of which all hosts together have 128.
    "user@.service",
)  # fmt: skip
TIDY = (
    f'chroot "$1" systemctl mask {" ".join(MASKED)} >/dev/null 2>&1',
    'chroot "$1" systemctl disable systemd-networkd systemd-resolved systemd-timesyncd >/dev/null 2>&1 || true',
    'echo LANG=C.UTF-8 > "$1/etc/default/locale"',
    # A lab's disk need not survive a crash of the machine; what the services write is still synced.
    'echo force-unsafe-io > "$1/etc/dpkg/dpkg.cfg.d/lab"',
    'rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap" "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"',
    'rm -f "$1"/etc/ssh/ssh_host_* "$1/var/lib/dbus/machine-id" "$1/etc/hostname" "$1/etc/resolv.conf"',
    ': > "$1/etc/machine-id"',
)
LACKS = "lab-image-lacks "
KEYRING = "/usr/share/keyrings/debian-archive-keyring"
DEBIAN = "https://deb.debian.org"


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "warren/lab"


def image_of(suite: str) -> Path:
    """Where the image of a suite is, or will be. Another way to build it is another image."""
    what = json.dumps([suite, *_options()])
    return cache() / f"{suite}-{hashlib.sha256(what.encode()).hexdigest()[:12]}"


def ensure(suite: str, say: Callable[[str], None]) -> Path:
    """The image, built now if nobody has before. What an interrupted build left is taken away by the next."""
    if suite not in SUITES:
        raise LabError(f"no such suite: {suite}; choose one of {', '.join(SUITES)}")
    image = image_of(suite)
    image.parent.mkdir(parents=True, exist_ok=True)
    with (image.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in image.parent.glob("building-*"):
            shutil.rmtree(left)
        if image.is_dir():
            return image
        say(f"building the image of {suite} once, some minutes; it stays in {image.parent}")
        building = Path(tempfile.mkdtemp(prefix="building-", dir=image.parent))
        try:
            _build(suite, building / "root", say)
            (building / "root").rename(image)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return image


def _build(suite: str, root: Path, say: Callable[[str], None]) -> None:
    command = ["mmdebstrap", *_options(), suite, str(root), "-"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, text=True)
        try:
            process.communicate(sources(suite), timeout=1800)
        finally:
            if process.poll() is None:
                process.terminate()  # it takes its own half-made root away
                process.wait()
        log.seek(0)
        lines = log.read().splitlines()
    if process.returncode != 0:
        raise LabError("mmdebstrap failed:\n" + "\n".join(lines[-12:]))
    lacking = [line.removeprefix(LACKS) for line in lines if line.startswith(LACKS)]
    if lacking:
        say(f"{suite} has no {', '.join(lacking)}")


def _options() -> list[str]:
    return [
        "--mode=root", "--variant=apt", "--format=directory", f"--include={','.join(INSTALLED)}",
        # The lists stay for the hosts' apt, and the packages that are carried.
        "--skip=cleanup/apt/lists,cleanup/apt/cache", '--aptopt=Acquire::Languages "none"',
        "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/doc/*",
        *machine_hooks(), *(f"--customize-hook={hook}" for hook in (*_carry(), *TIDY)),
    ]  # fmt: skip


def _carry() -> list[str]:
    """One at a time: two of them may not be installable together, and not every suite has each."""
    apt = 'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -qq --yes --download-only -o APT::Install-Recommends=true'
    return [f"{apt} install {package} || echo '{LACKS}{package}'" for package in CARRIED]


def machine_hooks() -> list[str]:
    """This machine's way to mirrors and indexes also inside: apt's and pip's configuration, certificates."""
    ways = [file for file in sorted(Path("/etc/apt/apt.conf.d").glob("*")) if file.is_file()]
    ways = [file for file in ways if "Acquire::http" in file.read_text(errors="replace")]
    hooks = [f"--essential-hook=copy-in {file} /etc/apt/apt.conf.d" for file in ways]
    certificates = sorted(Path("/usr/local/share/ca-certificates").glob("*.crt"))
    if certificates:
        hooks.append('--customize-hook=mkdir -p "$1/usr/local/share/ca-certificates"')
        hooks += [f"--customize-hook=copy-in {file} /usr/local/share/ca-certificates" for file in certificates]
        hooks.append('--customize-hook=chroot "$1" update-ca-certificates >/dev/null 2>&1')
    if Path("/etc/pip.conf").is_file():
        hooks.append("--customize-hook=copy-in /etc/pip.conf /etc")
    return hooks


def sources(suite: str) -> str:
    """Debian's archive as this machine's own apt reaches it."""
    known = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"]).split() if shutil.which("apt-get") else []
    known = [uri.rstrip("/") for uri in known]
    main = next((uri for uri in known if uri.endswith("/debian")), f"{DEBIAN}/debian")
    security = next((uri for uri in known if uri.endswith("/debian-security")), f"{DEBIAN}/debian-security")
    keyring = next((f for f in (f"{KEYRING}.pgp", f"{KEYRING}.gpg") if Path(f).exists()), None)
    if keyring is None:
        raise LabError(f"{KEYRING}.gpg is missing; run: scripts/system-packages lab")
    lines = [(main, suite), (main, f"{suite}-updates"), (security, f"{suite}-security")]
    return "".join(f"deb [signed-by={keyring}] {uri} {each} main\n" for uri, each in lines)


if __name__ == "__main__":
    print(ensure(sys.argv[1], print))
