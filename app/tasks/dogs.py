"""Dog pictures, from the Dog API or whatever speaks like it (WARREN_DOG_API)."""

import re

import requests
from celery import shared_task

from app.tasks.http import Refused, TryLater, get, session, settings

# "hound", or with a sub-breed "hound/afghan", as the Dog API writes them.
BREED = re.compile(r"[a-z]{2,40}(/[a-z]{2,40})?")
MOST = 50  # the Dog API gives no more at once


@shared_task(
    name="get_dog_pics",
    autoretry_for=(TryLater,),
    max_retries=3,
    retry_backoff=1,
    retry_backoff_max=30,
    retry_jitter=True,
)
def get_dog_pics(breed: str, limit: int) -> list[str]:
    """Addresses of up to `limit` random pictures of a breed. Raises Refused for a breed or limit that cannot be."""
    if not isinstance(breed, str) or not BREED.fullmatch(breed):
        raise Refused(f"{breed!r} is not a breed; write it as in the Dog API: hound, hound/afghan")
    if not str(limit).isdigit() or not 1 <= int(limit) <= MOST:
        raise Refused(f"{limit!r} is not a number of pictures from 1 to {MOST}")
    base = str(settings().warren_dog_api).rstrip("/")
    # The base is the operator's own choice, so it may well be a private address.
    with session(private=True) as http, get(http, f"{base}/breed/{breed}/images/random/{int(limit)}") as response:
        try:
            pictures = response.json()["message"]
        except (requests.JSONDecodeError, KeyError, TypeError) as error:
            raise TryLater("the Dog API's answer is not what it promises") from error
    if not isinstance(pictures, list):
        raise TryLater("the Dog API's answer is not what it promises")
    return [str(picture) for picture in pictures]
