"""The tutorials' way: a Flask view that sends the task, on Flask's own server. 202 as soon as Celery has written it.

It speaks as much of Warren's HTTP as the load generator needs.
"""

import os
import time

from flask import Flask, Response, jsonify, request
from tasks import RECORDS, noop

app = Flask(__name__)
MOST = 400_000  # bytes of records in one answer


@app.post("/tasks/noop")
def send() -> tuple[Response, int]:
    body = request.get_json()
    headers = {}
    if run := request.headers.get("Warren-Run"):
        headers = {"warren": {"run": run, "scheduled": float(request.headers["Warren-Scheduled"])}}
    published = time.time()
    noop.apply_async(task_id=body["id"], headers=headers)
    return jsonify(id=body["id"], task="noop", state="accepted", published=published), 202


@app.get("/runs/<run>/records")
def records(run: str) -> Response:
    offset = int(request.args.get("after", 0))
    with open(RECORDS, "rb") as file:  # noqa: PTH123
        file.seek(offset)
        data = file.read(MOST)
    data = data[: data.rfind(b"\n") + 1]
    lines = [line for line in data.splitlines() if f'"run": "{run}"'.encode() in line]
    return Response(
        b'{"records":[%s],"next":"%d"}' % (b",".join(lines), offset + len(data)), mimetype="application/json"
    )


@app.get("/readyz")
def ready() -> Response:
    return jsonify(status="ok")


if __name__ == "__main__":
    app.run(port=int(os.environ["TUTORIAL_PORT"]))
