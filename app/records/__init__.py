"""Records of measured tasks: one JSON line for the end of each attempt, from the worker to whoever follows the run.

hooks write the line into a spool file before the message is acknowledged, so a worker that is killed loses none; the
shipper sends spooled lines to the stream `records`; stream reads them from there, in any process, as often as wanted.
"""
