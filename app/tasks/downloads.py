"""Downloading a file into the data folder, whole or not at all."""

import hashlib
import os
import re
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from celery import Task, shared_task

from app.tasks.http import Refused, TryLater, get, session, settings

CHUNK = 64 * 1024
# Seconds between two reports of progress: each is a write to the result store.
REPORT_EVERY = 0.5


@shared_task(
    name="download",
    bind=True,
    track_started=True,
    autoretry_for=(TryLater,),
    max_retries=5,
    retry_backoff=1,
    retry_backoff_max=60,
    retry_jitter=True,
)
def download(self: Task, url: str) -> dict[str, Any]:
    """Fetch `url` into the data folder: {"path", "bytes", "sha256", "type"}. State `progress` has {"bytes", "total"}.

    Tried again later, ever more rarely, when the server fails or does not answer; Refused at once for a scheme other
    than http and https, an address inside our own network, an answer 4xx, or more bytes than WARREN_DOWNLOAD_MAX.
    """
    parts = urlsplit(str(url))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused(f"{url!r} is not an http or https address")
    folder = settings().warren_data_dir / "downloads"
    folder.mkdir(parents=True, exist_ok=True)
    task_id = self.request.id or "local"
    name = f"{_plain(task_id)}-{_plain(unquote(Path(parts.path).name)) or 'file'}"
    # The same name each time it is tried: a killed attempt's leftover is written over by the next.
    partial = folder / f".{name}.part"
    try:
        with session(private=settings().warren_download_private) as http, get(http, url, stream=True) as response:
            digest, count = _receive(self, response, partial)
            kind = response.headers.get("Content-Type")
        partial.replace(folder / name)
    finally:
        # Also when the soft time limit is raised in here.
        partial.unlink(missing_ok=True)
    return {"path": str(folder / name), "bytes": count, "sha256": digest, "type": kind}


def _receive(task: Task, response: requests.Response, partial: Path) -> tuple[str, int]:
    most = int(settings().warren_download_max)
    length = response.headers.get("Content-Length", "")
    total = int(length) if length.isdigit() and "Content-Encoding" not in response.headers else None
    if total is not None and total > most:
        raise Refused(f"{total} bytes are more than WARREN_DOWNLOAD_MAX ({most})")
    digest, count, reported = hashlib.sha256(), 0, 0.0
    with partial.open("wb") as file:
        try:
            for chunk in response.iter_content(CHUNK):
                count += len(chunk)
                if count > most:
                    raise Refused(f"more bytes than WARREN_DOWNLOAD_MAX ({most})")
                file.write(chunk)
                digest.update(chunk)
                if task.request.id and time.monotonic() - reported >= REPORT_EVERY:
                    reported = time.monotonic()
                    task.update_state(state="PROGRESS", meta={"bytes": count, "total": total})
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise TryLater(f"the answer broke off after {count} bytes: {error}") from error
        file.flush()
        os.fsync(file.fileno())
    if total is not None and count != total:
        raise TryLater(f"the answer broke off after {count} of {total} bytes")
    return digest.hexdigest(), count


def _plain(name: str) -> str:
    """A name without anything that a path could mean."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".")[:80]
