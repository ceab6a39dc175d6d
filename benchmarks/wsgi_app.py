"""The front end as any WSGI server can load it: `benchmarks.wsgi_app:application`."""

import logging
import os

from app.broker.address import resolve_broker
from app.contract import load_contract
from app.settings import Settings
from app.web.app import create_app
from app.web.services import EXTENSION

logging.getLogger("pika").setLevel(logging.CRITICAL)
settings = Settings.load()
application = create_app(settings, load_contract(settings.stack_file), resolve_broker(os.environ))
application.extensions[EXTENSION].publisher.start()
