"""A target's short bench next to the local stack's, on the same machine and in turns.

    python -m benchmarks.next_to_local --target hosts      the lab, after `make lab-up` and `site.yml`
    python -m benchmarks.next_to_local --target kubernetes --namespace NAMESPACE --url URL

Everything after the program's name goes to `warren bench`. Prints the medians, and what each result notes about itself.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROUNDS = 3


def main() -> None:
    next_to_local(sys.argv[1:])


def next_to_local(options: list[str]) -> None:
    """Measure both and print them."""
    results: dict[str, list[dict[str, Any]]] = {"local": [], "there": []}
    for _ in range(ROUNDS):
        results["local"].append(bench([]))
        results["there"].append(bench(options))
    rates = {where: show(where, each) for where, each in results.items()}
    print(f"there ÷ local: {rates['there'] / rates['local']:.2f} of {ROUNDS} runs each")


def bench(options: list[str]) -> dict[str, Any]:
    """The result of one `warren bench --short`."""
    results = Path("results")
    before = set(results.iterdir()) if results.exists() else set()
    command = [str(Path(sys.executable).with_name("warren")), "bench", "--short", "--no-open", *options]
    subprocess.run(command, check=False)  # a busy machine may well call the number invalid
    made = set(results.iterdir()) - before if results.exists() else set()
    if len(made) != 1:
        raise SystemExit("the bench has left no result: see what it said")
    result: dict[str, Any] = json.loads((made.pop() / "result.json").read_text())
    return result


def show(where: str, results: list[dict[str, Any]]) -> float:
    """Print what they came to; the median of the rates that were sustained."""
    rates = [result["throughput"]["rate"] or 0.0 for result in results]
    shares = [result["latency_run"]["share"] for result in results]
    waits = [result["latency"]["scheduled_to_finished"]["p50"] for result in results]
    print(f"{where}: {', '.join(f'{rate:,.0f}' for rate in rates)} tasks/s; {sum(r['valid'] for r in results)} valid")
    print(f"  scheduled → finished, p50 at {shares[0]:.0%} of it: {', '.join(milliseconds(wait) for wait in waits)} ms")
    for note in dict.fromkeys(note for result in results for note in result["notes"]):
        print(f"  {note}")
    return statistics.median(rates)


def milliseconds(seconds: float | None) -> str:
    """Results have no latency where too few tasks were done."""
    return "none" if seconds is None else f"{seconds * 1000:.1f}"


if __name__ == "__main__":
    main()
