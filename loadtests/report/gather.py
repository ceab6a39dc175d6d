"""Collects from a results folder what the page shows. Reads records.parquet and the small parts; changes nothing."""

import os
from pathlib import Path
from typing import Any

import duckdb

from loadtests.analysis import join, manifest, timeline
from loadtests.analysis.analyse import measured
from loadtests.analysis.histograms import curve
from loadtests.analysis.result import Result
from loadtests.analysis.stages import STAGES
from loadtests.hosts.facts import cores as total_cores
from loadtests.report import charts


def pictures(results: Path, result: Result) -> dict[str, dict[str, Any]]:
    """Vega-Lite specifications by name; a picture without data is left out. Raises BadResults."""
    with join.database() as db:
        join.view(db, results)
        for kind in ("queues", "self", "cpu"):
            join.load_kind(db, results, kind)
        join.load_phases(db, results)
        facts = manifest.read(results)
        found = _pictures(db, result, _cores(facts))
        if (facts.get("stack") or {}).get("target") == "kubernetes" and (pods := timeline.pods(db)):
            begin, end = timeline.span(db)
            found["pods"] = charts.pods(pods, timeline.phases(db), (0.0, max(end - begin, 1.0)))
        return found


def _cores(facts: dict[str, Any]) -> int:
    """Of the machines that carried the stack."""
    hosts = (facts.get("stack") or {}).get("hosts")
    return total_cores(hosts) if hosts else (facts.get("host") or {}).get("cores") or os.cpu_count() or 1


def _pictures(db: duckdb.DuckDBPyConnection, result: Result, cores: int) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    where = measured(result.latency_run.phase) if result.latency_run else "outcome = 'accepted'"
    if broken := timeline.breakdown(db, where):
        found["breakdown"] = charts.breakdown(broken)
    curves = {stage.title: curve(db, stage, where) for stage in STAGES if stage.kind == "total"}
    if any(curves.values()):
        found["percentiles"] = charts.percentiles(curves)
    begin, end = timeline.span(db)
    domain = (0.0, max(end - begin, 1.0))
    phases = timeline.phases(db)
    if phases:
        found["rates"] = charts.rates(timeline.rates(db), phases, domain)
    if depths := timeline.depths(db):
        found["depths"] = charts.depths(depths, phases, domain)
    if heat := timeline.heat(db):
        found["heat"] = charts.heat(heat, phases, domain)
    if cpu := timeline.cpu(db):
        found["cpu"] = charts.cpu(cpu, phases, domain, cores)
    if probes := [p.model_dump() for p in result.throughput.probes if p.offered is not None]:
        found["probes"] = charts.probes(probes)
    return found
