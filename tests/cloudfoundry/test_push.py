"""What a push comes to, from a login to instances that run."""

from collections.abc import Callable
from pathlib import Path

from loadtests.cloudfoundry.client import Client
from loadtests.cloudfoundry.client.staging import pack
from tests.cloudfoundry.fake.server import Server


def test_an_app_is_pushed_and_runs(
    foundation: Callable[..., Server], client: Callable[..., Client], tmp_path: Path
) -> None:
    server = foundation()
    cf = client(server)
    space = cf.here.guid
    cf.services.create(space, "rabbit", cf.services.plan("rabbitmq", "shared").guid)
    app = cf.apps.create(space, "shop", environment_variables={"A": "1"})
    instance = cf.services.instance(space, "rabbit")
    assert instance
    binding = cf.services.bind(app.guid, instance.guid)
    assert cf.services.credentials(binding.guid)["uri"].startswith("amqp://")
    (tmp_path / "app.py").write_text("print('hello')")
    package = cf.staging.upload(app.guid, pack(tmp_path, tmp_path.iterdir()))
    droplet = cf.staging.build(app.guid, package.guid)
    cf.staging.choose(app.guid, droplet.guid)
    web = cf.processes.get(app.guid, "web")
    cf.processes.scale(web.guid, instances=2, memory_in_mb=256)
    cf.apps.start(app.guid)
    cf.instances.wait(app.guid, 10, steady=0)
    assert [each.state for each in cf.processes.stats(web.guid)] == ["RUNNING", "RUNNING"]
    domain = cf.routes.default_domain(cf.spaces.organization("org").guid)
    route = cf.routes.create(space, domain.guid, "shop")
    cf.routes.lead(route.guid, app.guid)
    assert [each.url for each in cf.routes.of_app(app.guid)] == ["shop.apps.test"]
    assert cf.apps.delete(app.guid) and not cf.apps.delete(app.guid)
