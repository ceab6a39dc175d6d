"""What runs when nobody names an image is the same on Kubernetes and with compose.yaml."""

from pathlib import Path

import yaml

SERVICES = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())["services"]


def test_the_images_of_others_are_those_of_compose() -> None:
    from components.settings import BrokerSettings, ResultsSettings

    assert SERVICES["broker"]["image"] == f"${{BROKER_IMAGE:-{BrokerSettings().image}}}"
    assert SERVICES["results"]["image"] == f"${{RESULTS_IMAGE:-{ResultsSettings().image}}}"
