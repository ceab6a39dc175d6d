"""What the stand-in for Pulumi's provider makes of what a Deployment's controller says."""

from typing import Any, cast

import pytest

from .provider.standin.api import Cluster
from .provider.standin.ready import Failed, check

NOBODY = cast(Cluster, None)


def deployment(generation: int, reason: str, since: str) -> dict[str, Any]:
    progress = {"type": "Progressing", "reason": reason, "message": f"since {since}", "lastUpdateTime": since}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": generation},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": generation, "conditions": [progress]},
    }


def test_a_deployment_that_gave_up_has_failed() -> None:
    with pytest.raises(Failed, match="since 10:00"):
        check(
            deployment(2, "ProgressDeadlineExceeded", "10:00"), NOBODY, deployment(1, "NewReplicaSetAvailable", "9:00")
        )


def test_what_is_left_of_the_update_before_says_nothing_of_this_one() -> None:
    gave_up = deployment(2, "ProgressDeadlineExceeded", "10:00")
    assert check(deployment(3, "ProgressDeadlineExceeded", "10:00"), NOBODY, gave_up)[0] is False
    with pytest.raises(Failed, match="since 11:00"):
        check(deployment(3, "ProgressDeadlineExceeded", "11:00"), NOBODY, gave_up)
    # Nothing was changed: it still does not progress.
    with pytest.raises(Failed, match="since 10:00"):
        check(gave_up, NOBODY, gave_up)
