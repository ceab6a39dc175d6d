"""What can go wrong with a foundation, in its own words, each with what to do."""

import re
from collections.abc import Sequence

from loadtests.cloudfoundry.client.resources import LogLine, Problem


class FoundationError(Exception):
    """Anything a foundation refused, failed or did not answer. Its text is for the user."""


class LoginError(FoundationError):
    """We have no token that the foundation takes."""


class Unreachable(FoundationError):
    """No answer, or not one of a Cloud Foundry API. `sent`: the request may have been carried out all the same."""

    def __init__(self, text: str, sent: bool = False) -> None:
        super().__init__(text)
        self.sent = sent


class ApiError(FoundationError):
    """The API answered with an error. `problems`: each with the foundation's title, detail and code."""

    def __init__(self, asked: str, status: int, problems: Sequence[Problem], note: str = "") -> None:
        self.asked, self.status, self.problems = asked, status, list(problems)
        said = "; ".join(map(str, problems)) or "no reason given"
        cure = note or _cure(status, self.problems)
        super().__init__(f"{asked}: {status}: {said}" + (f"\n{cure}" if cure else ""))

    def has(self, *codes: int) -> bool:
        return any(problem.code in codes for problem in self.problems)

    def unknown_field(self, name: str) -> bool:
        """Whether the foundation refused the request because it does not know this field of it."""
        words = re.compile(rf"(unknown field|unsupported key)\S*\W+.*\b{re.escape(name)}\b", re.IGNORECASE | re.DOTALL)
        return self.status in (400, 422) and any(words.search(problem.detail) for problem in self.problems)


class JobFailed(FoundationError):
    """What the foundation went on to do in the background failed."""

    def __init__(self, operation: str, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        cure = _cure(0, self.problems)
        said = "; ".join(map(str, problems)) or "no reason given"
        super().__init__(f"{operation} failed: {said}" + (f"\n{cure}" if cure else ""))


class TimedOut(FoundationError):
    """Not done within the time given for it; the foundation may still be at it."""


class StagingFailed(FoundationError):
    """No droplet came of a package; the log of the staging is in the text."""

    def __init__(self, why: str, log: Sequence[LogLine]) -> None:
        self.log = list(log)
        super().__init__(f"staging failed: {why or 'no reason given'}{_lines(log)}")


class Crashed(FoundationError):
    """Instances of an app end instead of running; its last lines are in the text."""

    def __init__(self, what: str, why: str, log: Sequence[LogLine]) -> None:
        self.log = list(log)
        super().__init__(f"{what} crashed{f': {why}' if why else ''}{_lines(log)}")


class RolloutFailed(FoundationError):
    """A new release did not come up. `rolled_back`: the one before it runs again."""

    def __init__(self, text: str, rolled_back: bool) -> None:
        super().__init__(text)
        self.rolled_back = rolled_back


def _lines(log: Sequence[LogLine]) -> str:
    if not log:
        return "\nThe foundation keeps no log of it; `cf logs APP --recent` may have one."
    return "\nIts last lines:\n" + "\n".join(f"  {line.text}" for line in log)


# The foundation's codes, or words of its detail, and what to do. The first that fits counts.
_CURES: list[tuple[set[int], str, str]] = [
    ({1000, 10002}, "", "Log in again: cf login (or give a new token)."),
    (
        {10003},
        "",
        "The user needs the role SpaceDeveloper in this space: cf set-space-role USER ORG SPACE SpaceDeveloper.",
    ),
    (
        {60005, 60012, 100005, 310003},
        "quota",
        "A quota is full: free something, or have the operator raise it (cf space-quotas, cf org-quotas).",
    ),
    (
        {60002, 210003},
        r"\bunique\b|already exists|\btaken\b",
        "Choose another name or address, or adopt what is there if it is yours.",
    ),
    ({10013}, "", "The foundation limits requests: wait, or have the operator raise this user's limit."),
    ({10000}, "", "This foundation does not know this call; cf api tells its version."),
]


def _cure(status: int, problems: Sequence[Problem]) -> str:
    for codes, words, cure in _CURES:
        for problem in problems:
            if problem.code in codes or (words and re.search(words, problem.detail, re.IGNORECASE)):
                return cure
    return _CURES[0][2] if status == 401 else ""
