"""What one run alone can tell of its own percentiles: an interval that allows for slow moments within the run.

Tasks near each other in time are slow together, so they are not resampled one by one: the run is cut into blocks of
equal length, and whole blocks are drawn (block bootstrap). What differs from run to run no single run can show.
"""

from pathlib import Path

import duckdb
import numpy as np

from loadtests.analysis import join
from loadtests.analysis.analyse import measured
from loadtests.analysis.result import Result
from loadtests.analysis.stages import HEADLINE, STAGES

BLOCKS, RESAMPLES = 20, 1999
# Seconds; bins are 1 % wide, which is far narrower than any interval found here.
BINS = np.geomspace(1e-6, 3600, 2214)


def resampled(folder: Path, result: Result, quantiles: dict[str, float], seed: int) -> dict[str, np.ndarray] | None:
    """By percentile's name, its value in each resample. None without the run's records, or with too few to cut up."""
    records = folder / join.RECORDS
    if result.latency_run is None or not records.exists():
        return None
    stage = next(each for each in STAGES if each.name == HEADLINE)
    with join.database() as db:
        try:
            rows = db.execute(
                f"""SELECT scheduled, greatest({stage.end} - {stage.begin}, 1e-6) FROM read_parquet(?)
                    WHERE {measured(result.latency_run.phase)} AND {stage.end} IS NOT NULL""",  # noqa: S608
                [str(records)],
            ).fetchnumpy()
        except duckdb.Error as error:
            raise join.BadResults(f"{records}: cut off, or not a Parquet file: {error}") from error
    when, took = (np.asarray(column) for column in rows.values())
    return by_blocks(when, took, quantiles, seed)


def by_blocks(
    when: np.ndarray, took: np.ndarray, quantiles: dict[str, float], seed: int
) -> dict[str, np.ndarray] | None:
    """The same of plain numbers: instants and durations in seconds. Runs to compare need seeds of their own."""
    if len(when) < BLOCKS or when.max() <= when.min():
        return None
    block = np.minimum((BLOCKS * (when - when.min()) / (when.max() - when.min())).astype(int), BLOCKS - 1)
    bins, which = np.unique(np.searchsorted(BINS, took), return_inverse=True)
    counts = np.zeros((BLOCKS, len(bins)))
    np.add.at(counts, (block, which), 1)
    drawn = np.random.default_rng(seed).multinomial(BLOCKS, [1 / BLOCKS] * BLOCKS, size=RESAMPLES)
    so_far = np.cumsum(drawn @ counts, axis=1)
    values = BINS[bins.clip(max=len(BINS) - 1)]
    return {
        name: values[(so_far < quantile * so_far[:, -1:]).sum(axis=1).clip(max=len(bins) - 1)]
        for name, quantile in quantiles.items()
    }
