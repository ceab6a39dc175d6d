"""`warren manifest`: what it writes is a manifest, says what stack.yml says, and is judged by it later on."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from app.contract import load_contract
from loadtests.cli import main
from loadtests.cloudfoundry import manifest
from loadtests.cloudfoundry.client import Client
from loadtests.cloudfoundry.client.errors import ApiError
from tests.cloudfoundry.fake.server import Server

STACK = Path(__file__).parents[2] / "stack.yml"
COUNT, TEXT = {"type": "integer", "minimum": 0}, {"type": "string", "minLength": 1}
# The attributes that Cloud Foundry's own reference of manifests gives, as far as they are used.
PROCESS = {
    "command": TEXT,
    "instances": COUNT,
    "memory": {"type": "string", "pattern": r"^\d+[MG]$"},
    "health-check-type": {"enum": ["http", "port", "process"]},
    "health-check-http-endpoint": {"type": "string", "pattern": "^/"},
    "health-check-invocation-timeout": {"type": "integer", "minimum": 1},
    # Foundations allow no more unless their operators say so.
    "timeout": {"type": "integer", "minimum": 1, "maximum": 180},
}
APP = {
    **PROCESS,
    "name": TEXT,
    "buildpacks": {"type": "array", "items": TEXT},
    "services": {"type": "array", "items": TEXT},
    "env": {"type": "object", "additionalProperties": {"type": "string"}},
    "random-route": {"type": "boolean"},
    "no-route": {"type": "boolean"},
    "routes": {"type": "array", "items": {"type": "object", "properties": {"route": TEXT}, "required": ["route"]}},
    "processes": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": PROCESS | {"type": TEXT},
            "required": ["type"],
            "additionalProperties": False,
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {
        "applications": {
            "type": "array",
            "items": {"type": "object", "properties": APP, "required": ["name"], "additionalProperties": False},
        }
    },
    "required": ["applications"],
    "additionalProperties": False,
}


def _run(*words: object) -> Result:
    return CliRunner().invoke(main, ["manifest", *map(str, words)])


def _written(*words: object) -> dict[str, Any]:
    done = _run("--stack", STACK, *words)
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = yaml.safe_load(done.stdout)
    jsonschema.validate(found, SCHEMA)
    return found


def _processes(app: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["type"]: each for each in app["processes"]}


def _changed(tmp_path: Path, **changes: Any) -> Path:
    """A stack.yml of the usual one; `pools__io__processes=3` changes that value, None takes it away."""
    data = copy.deepcopy(yaml.safe_load(STACK.read_text()))
    for path, value in changes.items():
        *steps, last = path.split("__")
        part = data
        for step in steps:
            part = part[step]
        part[last] = value
        if value is None:
            del part[last]
    (tmp_path / "stack.yml").write_text(yaml.safe_dump(data))
    return tmp_path / "stack.yml"


def test_one_app_has_a_process_for_each_part() -> None:
    (app,) = _written()["applications"]
    assert list(_processes(app)) == ["web", "worker-fast", "worker-io", "worker-long", "beat", "consumer"]
    assert app["services"] == ["warren-rabbitmq"] and app["random-route"]
    web = _processes(app)["web"]
    assert (web["health-check-type"], web["health-check-http-endpoint"]) == ("http", "/healthz")
    assert {each["health-check-type"] for kind, each in _processes(app).items() if kind != "web"} == {"process"}
    assert _processes(app)["worker-io"]["command"].startswith("exec python -m app worker io --index ")


def test_two_apps_share_one_service_and_only_one_has_a_route() -> None:
    web, worker = _written("--shape", "two-apps", "--name", "shop", "--service", "rabbit-test")["applications"]
    assert (web["name"], worker["name"]) == ("shop", "shop-worker")
    assert web["services"] == worker["services"] == ["rabbit-test"]
    assert web["random-route"] and "no-route" not in web and web["command"] == "exec python -m app web"
    assert worker["no-route"] and "random-route" not in worker and worker["health-check-type"] == "process"
    assert _processes(worker).pop("web")["instances"] == 0
    assert [kind for kind in _processes(worker) if kind.startswith("worker-")] == [
        "worker-fast",
        "worker-io",
        "worker-long",
    ]
    # The example's front page; its results go by the broker, so that no store is needed.
    assert web["env"]["WARREN_FRONT_PAGE"] == "longtime_add"
    assert web["env"]["CELERY_BACKEND_URL"] == worker["env"]["CELERY_BACKEND_URL"] == "rpc://"


def test_what_stack_yml_says_is_in_it(tmp_path: Path) -> None:
    stack = _changed(
        tmp_path, pools__io__processes=3, pools__long__max_memory="600MB", pools__long__concurrency=2,
        pools__long__prefetch=2, web__processes=4, beat={},
    )  # fmt: skip
    (app,) = _written("--stack", stack, "--cores", 2)["applications"]
    found = _processes(app)
    assert (found["worker-io"]["instances"], found["worker-fast"]["instances"]) == (3, 2)
    # 192 MiB, and two children that may each grow to 600 MB and a quarter more.
    assert found["worker-long"]["memory"] == "1623M"
    assert found["web"]["memory"] == "1024M"
    assert "beat" not in found


def test_routes_and_flower_are_there_when_they_are_asked_for() -> None:
    (app,) = _written("--route", "shop.apps.test", "--route", "www.test/tasks", "--flower")["applications"]
    assert app["routes"] == [{"route": "shop.apps.test"}, {"route": "www.test/tasks"}] and "random-route" not in app
    assert "$PORT" in _processes(app)["flower"]["command"]


def test_no_secret_is_in_it_and_what_has_to_be_set_is_said() -> None:
    text = _run("--stack", STACK).stdout
    (app,) = yaml.safe_load(text)["applications"]
    assert set(app["env"]) == {"PYTHONUNBUFFERED", "WARREN_HOST"}
    assert "# " in text and "cf set-env warren WARREN_TOKEN" in text and "CELERY_BACKEND_URL" in text
    assert "&id" not in text  # YAML's anchors: right, but hard to edit


def test_tasks_that_a_foundation_will_cut_short_are_named(tmp_path: Path) -> None:
    assert "(io 1m, long 100s)" in _run("--stack", STACK).stdout
    stack = _changed(
        tmp_path, pools__io__longest_task="5s", pools__long__hard_limit="8s", pools__long__soft_limit="7s"
    )  # fmt: skip
    assert "delivered again" not in _run("--stack", stack).stdout


def test_a_contract_that_cannot_work_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    stack, output = _changed(tmp_path, pools__io__prefetch=1), tmp_path / "manifest.yml"
    done = _run("--stack", stack, "--output", output)
    assert done.exit_code == 2 and "pools.io.prefetch" in done.stderr and "raise it" in done.stderr
    assert not output.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "my app"), "letters, digits"),
        (("--route", "https://shop.apps.test"), "without https://"),
        (("--route", "shop"), "host.domain"),
        (("--shape", "three-apps"), "two-apps"),
        (("--output", "/nowhere/manifest.yml"), "name another with --output"),
        (("--stack", "/nowhere/stack.yml"), "STACK_FILE"),
    ],
)
def test_bad_input(words: tuple[str, ...], said: str) -> None:
    done = _run("--stack", STACK, *words)
    assert done.exit_code == 2 and said in done.output


@pytest.mark.parametrize("shape", ["one-app", "two-apps"])
def test_what_it_writes_fits(tmp_path: Path, shape: str) -> None:
    file = tmp_path / "manifest.yml"
    assert _run("--stack", STACK, "--shape", shape, "--flower", "--output", file).exit_code == 0
    done = _run("--stack", STACK, "--check", file)
    assert (done.exit_code, done.stdout) == (0, f"{file} fits stack.yml\n")


def _told(change: Any, *words: str) -> list[str]:
    contract = load_contract(STACK)
    built = manifest.build(contract)
    change({each["type"]: each for each in built["applications"][0]["processes"]}, built["applications"][0])
    return manifest.disagreements(built, contract)


def test_a_manifest_that_no_longer_fits_says_where_and_what_to_do() -> None:
    def smaller(found: dict[str, Any], app: dict[str, Any]) -> None:
        found["worker-long"]["memory"] = "512M"
        del found["worker-fast"]["memory"]

    small, unsaid = sorted(_told(smaller), key=lambda said: "512M" not in said)
    assert small == "warren: process worker-long: 512M of memory is less than its tasks may take; set memory: 550M"
    assert unsaid.startswith("warren: process worker-fast: no memory is said")

    def renamed(found: dict[str, Any], app: dict[str, Any]) -> None:
        found["worker-io"]["type"] = "worker-oi"

    missing, unknown = _told(renamed)
    assert missing.startswith("process worker-io: missing, so nothing would read its queues")
    assert unknown.startswith("warren: process worker-oi: stack.yml has nothing of the name")

    def others(found: dict[str, Any], app: dict[str, Any]) -> None:
        found["beat"]["instances"] = 2
        found["web"]["command"] = "python server.py"

    assert len(_told(others)) == 2

    def free(found: dict[str, Any], app: dict[str, Any]) -> None:
        found["worker-io"] |= {"instances": 7, "memory": "1tb"}
        app |= {"name": "other", "services": ["rabbit", "redis"], "no-route": True}

    assert _told(free) == []


@pytest.mark.parametrize("text", ["[]", "applications: 3", "applications: [{processes: [{}]}]", "hello", "a: [", ""])
def test_what_is_no_manifest_is_told_as_such(tmp_path: Path, text: str) -> None:
    file = tmp_path / "manifest.yml"
    file.write_text(text)
    done = _run("--stack", STACK, "--check", file)
    assert (done.exit_code in (1, 2) and "no manifest" in done.stderr) or "not YAML" in done.stderr


@pytest.mark.parametrize("shape", ["one-app", "two-apps"])
def test_it_is_applied_as_it_is_and_a_second_time_changes_nothing(
    foundation: Callable[..., Server], client: Callable[..., Client], tmp_path: Path, shape: str
) -> None:
    stack = _changed(tmp_path, pools__io__processes=3)
    text = _run("--stack", stack, "--shape", shape).stdout
    cf = client(foundation())
    space = cf.here.guid
    with pytest.raises(ApiError, match="Service instance 'warren-rabbitmq' not found"):
        cf.spaces.apply_manifest(space, text)
    assert cf.apps.every(space) == []
    cf.services.create(space, "warren-rabbitmq", cf.services.plan("rabbitmq", "shared").guid)
    cf.spaces.apply_manifest(space, text)
    apps = cf.apps.every(space)
    before = [(each.name, cf.processes.of_app(each.guid), cf.routes.of_app(each.guid)) for each in apps]
    found = {each.type: each for _, processes, _ in before for each in processes if each.instances}
    assert (found["worker-io"].instances, found["worker-long"].memory_in_mb) == (3, 550)
    assert found["web"].health_check["data"]["endpoint"] == "/healthz"
    assert {each.health_check["type"] for kind, each in found.items() if kind != "web"} == {"process"}
    assert [len(routes) for _, _, routes in before] == ([1] if shape == "one-app" else [1, 0])
    assert all(len(cf.services.bindings(app=each.guid)) == 1 for each in apps)
    cf.apps.set_environment(apps[0].guid, {"WARREN_TOKEN": "secret"})
    cf.spaces.apply_manifest(space, text)
    assert [(each.name, cf.processes.of_app(each.guid), cf.routes.of_app(each.guid)) for each in apps] == before
    assert cf.apps.environment(apps[0].guid)["WARREN_TOKEN"] == "secret"
