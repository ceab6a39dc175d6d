"""The front end of the peers that are called from threads: Flask on granian, as Warren's is. PEERS_MODULE says whose.

202 when the peer's own call has returned. It speaks as much of Warren's HTTP as the load generator needs.
"""

import importlib
import os
from typing import Any

from flask import Flask, Response, jsonify, request

from benchmarks.peers import records

peer: Any = importlib.import_module(os.environ["PEERS_MODULE"])
application = Flask(__name__)


@application.post("/tasks/<task>")
def accept(task: str) -> tuple[Response, int]:
    body = request.get_json()
    peer.send(task, body.get("args") or [], records.mark(body["id"], dict(request.headers)))
    return jsonify(id=body["id"], task=task, state="accepted"), 202


@application.get("/runs/<run>/records")
def tell(run: str) -> Response:
    return Response(records.page(run, int(request.args.get("after", 0))), mimetype="application/json")


@application.get("/readyz")
def ready() -> Response:
    return jsonify(status="ok")
