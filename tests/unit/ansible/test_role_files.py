"""What the roles would write, with made-up facts and inventories."""

import re
from pathlib import Path

import pytest
import yaml

from app.contract import parse_contract
from loadtests.commands.check import for_programs

ROLES = Path(__file__).parents[3] / "ansible/roles"


@pytest.fixture
def written(play, tmp_path):
    """The files that a role's list of files comes to, by name."""

    def write(role, files, **variables):
        content = f"{{{{ {files} | to_json }}}}"
        task = {"ansible.builtin.copy": {"content": content, "dest": str(tmp_path / "files.json")}}
        defaults = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text())
        (tmp_path / "templates").symlink_to(ROLES / role / "templates")
        include = [{"ansible.builtin.include_vars": str(ROLES / role / "vars/main.yml")}]
        done = play([*include, task], **(defaults | variables))
        assert done.returncode == 0, done.stdout + done.stderr
        found = yaml.safe_load((tmp_path / "files.json").read_text())
        return {Path(file["path"]).name: file.get("content", "") for file in found}

    return write


@pytest.fixture
def pem(tmp_path):
    path = tmp_path / "some.pem"
    path.write_text("pem\n")
    return str(path)


def test_a_lone_broker_without_tls_serves_its_own_machine_only(written):
    conf = written("rabbitmq", "_rabbitmq_public_files")["rabbitmq.conf"].splitlines()
    assert "listeners.tcp.1 = 127.0.0.1:5672" in conf
    assert "management.tcp.ip = 127.0.0.1" in conf
    assert not [line for line in conf if line.startswith(("cluster_", "ssl_options", "listeners.ssl"))]


def test_a_broker_with_certificates_serves_amqps_and_nothing_plain(written, pem):
    tls = dict.fromkeys(("rabbitmq_tls_ca", "rabbitmq_tls_cert", "rabbitmq_tls_key"), pem)
    conf = written("rabbitmq", "_rabbitmq_public_files", **tls)["rabbitmq.conf"].splitlines()
    assert {"listeners.tcp = none", "listeners.ssl.1 = 5671"} <= set(conf)


def test_a_size_is_an_absolute_watermark_and_a_number_a_share(written):
    share = written("rabbitmq", "_rabbitmq_public_files")["rabbitmq.conf"]
    assert "vm_memory_high_watermark.relative = 0.4\n" in share


def test_a_watermark_in_bytes(written):
    size = written("rabbitmq", "_rabbitmq_public_files", rabbitmq_memory_watermark="2GB")["rabbitmq.conf"]
    assert "vm_memory_high_watermark.absolute = 2GB\n" in size


def test_a_worker_may_use_what_the_contract_says_that_it_needs(written):
    stack = yaml.safe_load((ROLES.parents[1] / "stack.yml").read_text())
    long = stack["pools"]["long"] | {"processes": 1, "concurrency": 8, "prefetch": 8}
    contract = parse_contract(yaml.safe_dump(stack | {"pools": stack["pools"] | {"long": long}}), "stack.yml")
    pools = {"long": for_programs(contract)["contract"]["pools"]["long"]}
    conf = written("celery", "_celery_drop_ins", celery_contract={"pools": pools}, celery_workers=True, celery_cores=1)
    limit = int(re.search(r"^MemoryMax=(\d+)$", conf["pool.conf"], re.MULTILINE)[1])
    assert limit >= contract.pools["long"].memory * 2**20


def test_files_that_are_read_at_the_start_lead_to_a_restart_and_certificates_do_not(play):
    done = play(
        [
            {"ansible.builtin.include_vars": str(ROLES / "rabbitmq/defaults/main.yml")},
            {"ansible.builtin.include_vars": str(ROLES / "rabbitmq/vars/main.yml")},
            {"ansible.builtin.debug": {"msg": "{{ _rabbitmq_read_at_start | map('basename') | sort | join(' ') }}"}},
        ]
    )
    assert ".erlang.cookie advanced.config enabled_plugins rabbitmq-env.conf rabbitmq.conf sandbox.conf" in text(done)


@pytest.mark.parametrize(
    ("distribution", "version", "package", "folder"),
    [
        ("Debian", "12.9", "redis-server", "/etc/redis"),
        ("Debian", "13.1", "valkey-server", "/etc/valkey"),
        ("Ubuntu", "24.04", "valkey-server", "/etc/valkey"),
        ("Ubuntu", "26.04", "valkey-server", "/etc/valkey"),
    ],
)
def test_the_result_store_is_what_the_distribution_has(play, distribution, version, package, folder):
    done = play(
        [
            {"ansible.builtin.import_role": {"name": "results", "tasks_from": "preflight"}},
            {"ansible.builtin.debug": {"msg": "{{ _results_package.valkey[0] }} {{ _results_folder.valkey }}"}},
        ],
        ansible_facts=facts(distribution, version),
        results_password="sixteen-letters-x",
    )
    assert f"{package} {folder}" in done.stdout, done.stdout + done.stderr


def test_another_distribution_is_refused_with_those_that_work(play):
    done = play(
        [{"ansible.builtin.import_role": {"name": "results", "tasks_from": "preflight"}}],
        ansible_facts=facts("Debian", "11.3"),
        results_password="sixteen-letters-x",
    )
    assert done.returncode != 0
    assert "Debian 11.3 is not supported: use Debian 12 or 13, Ubuntu 24.04 or 26.04. Nothing was changed." in text(
        done
    )


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"results_kind": "mysql"}, "choose one of valkey, postgresql"),
        ({"results_password": "short"}, "16 or more characters"),
        ({"results_tls_cert": "/nowhere/cert.pem"}, "Not found on this controller"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_changed(play, variables, says):
    done = play(
        [{"ansible.builtin.import_role": {"name": "results", "tasks_from": "preflight"}}],
        **({"ansible_facts": facts("Debian", "13.1"), "results_password": "sixteen-letters-x"} | variables),
    )
    assert done.returncode != 0
    assert says in text(done)


def text(done):
    """All it printed, without the line breaks that Ansible puts in."""
    return " ".join((done.stdout + done.stderr).split())


def facts(distribution, version):
    return {
        "distribution": distribution,
        "distribution_version": version,
        "distribution_major_version": version.split(".")[0],
        "os_family": "Debian",
    }
