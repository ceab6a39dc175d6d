"""A small Cloud Foundry v3 API in memory, over real HTTP: the witness for what no foundation at hand can show.

It knows deployments with strategies and their cancelling, revisions, readiness checks, the catalog's tags and a `start`
that answers at once; and it can misbehave when told to. What it is asked and what it answers is judged by the API's
published document, so that it cannot drift into an API of its own.

    state          what there is, and which foundation it imitates
    life           instances that start, run, crash and are replaced
    manifests      what applying one does
api_*          the calls
    judge          the published document
    server         over HTTP, in a thread, with trouble on demand
"""
