"""The whole stack, put together from components/. A program of your own may take some of them and leave others."""

import subprocess
from pathlib import Path

import components
import pulumi
from components.namespace import prepare
from components.settings import ConfigError, Settings, WorkerSettings
from contract import Judged
from preflight import MONITORS, Cluster

HERE = Path(__file__).parent


def deploy(settings: Settings, judged: Judged, cluster: Cluster, instance: str) -> None:
    """Declare everything and export what a user needs next."""
    contract = judged.contract
    ground = prepare(settings.namespace, settings.create_namespace, judged.text, instance)
    common = components.Common(
        instance=instance,
        namespace=ground.namespace,
        image=settings.image or own_image(),
        contract=contract,
        stack_config=ground.stack_config,
        service_account=ground.service_account,
        generation=settings.generation,
        image_pull_policy=settings.image_pull_policy,
        image_pull_secrets=settings.image_pull_secrets,
        ready_within=settings.ready_within,
        monitors=settings.monitors == "on" or (settings.monitors == "auto" and MONITORS in cluster.groups),
    )
    broker = _broker(common, settings)
    results = components.Results("results", common, settings.results).access
    for pool in contract.pools:
        worker = settings.workers.get(pool, WorkerSettings())
        components.WorkerPool(pool, common, worker, broker, results)
    web = components.Web("web", common, settings.web, broker, results)
    if settings.beat.enabled and contract.beat:
        components.Beat("beat", common, settings.beat, broker)
    if settings.consumer.enabled:
        components.Consumer("consumer", common, settings.consumer, broker)
    flower = components.Flower("flower", common, settings.flower, broker) if settings.flower.enabled else None
    if settings.network.enabled:
        components.Network("network", common, settings.network, broker, results)
    _export(ground.namespace, web, flower)


def _broker(common: components.Common, settings: Settings) -> components.BrokerAccess:
    if settings.broker.kind == "external":
        return components.ExternalBroker("broker", settings.broker).access
    kind = components.BuiltinBroker if settings.broker.kind == "builtin" else components.OperatorBroker
    return kind("broker", common, settings.broker).access


def _export(namespace: pulumi.Output[str], web: components.Web, flower: components.Flower | None) -> None:
    def read(secret: pulumi.Output[str], key: str) -> pulumi.Output[str]:
        path = f"-o jsonpath='{{.data.{key}}}' | base64 -d"
        return pulumi.Output.concat("kubectl -n ", namespace, " get secret ", secret, " ", path)

    pulumi.export("namespace", namespace)
    pulumi.export("url", web.url)
    pulumi.export("reach", pulumi.Output.concat("kubectl -n ", namespace, " port-forward service/web 8080:80"))
    pulumi.export("token", web.token)
    pulumi.export("tokenCommand", read(web.token_secret, "token"))
    if flower:
        pulumi.export("flowerCommand", read(flower.login_secret, "flower-login"))


def own_image() -> str:
    """The name of the image that `make image` makes of this checkout, by the digest of all that goes into it."""
    script = HERE / "../../scripts/image"
    if not script.is_file():
        raise ConfigError(
            "warren:image is not set; name the image to run: pulumi config set image <registry>/warren:<tag>"
        )
    done = subprocess.run([script, "--name"], capture_output=True, text=True)
    if done.returncode:
        raise ConfigError(f"warren:image is not set, and {script} cannot name this checkout's: {done.stderr.strip()}")
    return done.stdout.strip()
