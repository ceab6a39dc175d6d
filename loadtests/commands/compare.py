"""`warren compare`: is B slower than A, on this machine, beyond what chance explains?"""

import click

from loadtests.commands import options as shared
from loadtests.commands.options import POSITIVE


@click.command()
@click.argument("a", required=False)
@click.argument("b", required=False)
@click.option("--baseline", type=click.Choice(["tutorial"]), help="A is the tutorials' way; give B only, or nothing.")
@click.option("--rate", type=POSITIVE, help="Compare latency at this many tasks a second, instead of the rate.")
@click.option("--repeats", type=click.IntRange(2), default=10, show_default=True, help="Runs of each.")
@click.option(
    "--seconds",
    type=POSITIVE,
    help="Length of a run.  [default: 4; with --rate as long as a p99 takes, two minutes at most]",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    default=0.0,
    show_default=True,
    help="Worse by so many per cent is no failure.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Orders and arrivals are drawn from it.")
@shared.what
@click.option("--token", envvar="WARREN_TOKEN", default="", help="Of front ends by URL.  [env: WARREN_TOKEN]")
@click.option("--ca", default="", help="For https://…: a file of certificates to trust.")
@shared.users
@shared.drain
@shared.results
def compare(**options: object) -> None:
    """Run A and B in turn, in an order drawn from the seed, and tell whether B is worse.

    A and B are contracts (stack.yml files: a stack of each is started here, and taken away afterwards) or URLs of front
    ends that run already. Judged is the rate, as fast as answers come; with --rate p50, p90 and p99 at that rate, each
    as far as a run has tasks enough for it (a p99: 1,000).

    Each gets its median with a bootstrap interval and a rank test. Where no difference is seen, the smallest that so
    many runs would have shown is told. A thing compared with itself is called different in at most 1 of 20 comparisons.

    \b
    Example: warren compare --baseline tutorial
             warren compare stack.yml candidate.yml  # after `cp stack.yml candidate.yml`, and a change to it
             warren compare https://a.example.org https://b.example.org --rate 100  # front ends that run already

    Exit code: 0 B is not seen to be worse; 1 B is worse; 2 bad input; 3 a ledger does not balance; 4 no valid
    comparison; 130 interrupted.
    """
    from loadtests.compare.command import run

    raise SystemExit(run(options))
