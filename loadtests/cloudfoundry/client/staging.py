"""From files to a droplet: a package, its bits, a build."""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from loadtests.cloudfoundry.client import jobs
from loadtests.cloudfoundry.client.errors import ApiError, FoundationError, StagingFailed
from loadtests.cloudfoundry.client.logs import STAGING, Logs
from loadtests.cloudfoundry.client.pages import every, parse
from loadtests.cloudfoundry.client.resources import Build, Droplet, Package
from loadtests.cloudfoundry.client.services import to
from loadtests.cloudfoundry.client.transport import Transport

UPLOAD, STAGE = 600.0, 900.0  # seconds
BITS_ALREADY_UPLOADED = 150004
EPOCH = (1980, 1, 1, 0, 0, 0)
LOG_LINES = 30


def pack(folder: Path, files: Iterable[Path]) -> bytes:
    """A zip of files below a folder: the same bytes for the same content, whenever and wherever it is made."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            info = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o755 if path.stat().st_mode & 0o100 else 0o644) << 16
            archive.writestr(info, path.read_bytes())
    return packed.getvalue()


class Staging:
    def __init__(self, transport: Transport, logs: Logs) -> None:
        self._transport, self._logs = transport, logs

    def upload(self, app: str, bits: bytes, metadata: Mapping[str, Any] | None = None) -> Package:
        """A package that is ready to be staged. `bits`: a zip."""
        body: dict[str, Any] = {"type": "bits", "relationships": {"app": to(app)}}
        body |= {"metadata": dict(metadata)} if metadata else {}
        package = parse(Package, self._transport.send("POST", "/v3/packages", body))
        path = f"/v3/packages/{package.guid}"
        try:
            files = {"bits": ("bits.zip", bits, "application/zip")}
            self._transport.request("POST", f"{path}/upload", safe=True, read=UPLOAD, files=files)
        except ApiError as error:
            if not error.has(BITS_ALREADY_UPLOADED):  # by a request whose answer we lost
                raise
        package = jobs.until(
            lambda: parse(Package, self._transport.get(path)),
            lambda found: found.state in ("READY", "FAILED", "EXPIRED"),
            self._transport.patience,
            UPLOAD,
            "taking in the package",
        )
        if package.state != "READY":
            raise FoundationError(f"the foundation refused the package: {package.data.get('error') or package.state}")
        return package

    def packages(self, app: str) -> list[Package]:
        """Oldest first."""
        return every(self._transport, "/v3/packages", Package, app_guids=app, order_by="created_at")

    def build(
        self, app: str, package: str, lifecycle: Mapping[str, Any] | None = None, within: float = STAGE
    ) -> Droplet:
        """Stage it, and wait. Raises StagingFailed, with the staging's own log in it."""
        body: dict[str, Any] = {"package": {"guid": package}}
        body |= {"lifecycle": dict(lifecycle)} if lifecycle else {}
        build = parse(Build, self._transport.send("POST", "/v3/builds", body))
        build = jobs.until(
            lambda: parse(Build, self._transport.get(f"/v3/builds/{build.guid}")),
            lambda found: found.state != "STAGING",
            self._transport.patience,
            within,
            "staging",
        )
        if build.state == "FAILED" or not build.droplet:
            raise StagingFailed(build.error or "", self._logs.last(app, LOG_LINES, STAGING))
        return self.droplet(build.droplet.guid)

    def droplet(self, droplet: str) -> Droplet:
        return parse(Droplet, self._transport.get(f"/v3/droplets/{droplet}"))

    def current(self, app: str) -> Droplet | None:
        """The one that the app is to run; None before its first."""
        try:
            return parse(Droplet, self._transport.get(f"/v3/apps/{app}/droplets/current"))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def choose(self, app: str, droplet: str) -> None:
        """What the app's next start runs."""
        self._transport.send("PATCH", f"/v3/apps/{app}/relationships/current_droplet", to(droplet))
