"""What is compiled from Go modules, and from which packages; one part is Java and only fetched.

Versions stand in each folder's go.mod, or pom.xml, only.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Copied:
    """A file of a module that is needed beside the programs. `known_to`: the folder whose go.mod names the module."""

    known_to: str
    module: str
    path: str  # may be a pattern
    to: str


@dataclass(frozen=True)
class Part:
    """`programs`: file name to package. `stamps`: what the linker sets, where {version} is the module's."""

    name: str
    module: str
    programs: dict[str, str]
    stamps: dict[str, str] = field(default_factory=dict)
    copied: tuple[Copied, ...] = ()

    @property
    def folder(self) -> Path:
        return HERE / self.name

    @property
    def pins(self) -> tuple[str, ...]:
        """The files that say which version of what."""
        return ("go.mod", "go.sum")

    @property
    def version(self) -> str:
        return version_of(self.folder, self.module)


class Jars(Part):
    """A Java program: its jar and all that it needs, kept in the folder `lib`. `module`: group:artifact."""

    @property
    def pins(self) -> tuple[str, ...]:
        return ("pom.xml",)

    @property
    def version(self) -> str:
        artifact = self.module.partition(":")[2]
        pom = (self.folder / "pom.xml").read_text()
        found = re.search(rf"<artifactId>{artifact}</artifactId>\s*<version>([^<]+)</version>\s*</dependency>", pom)
        if found is None:
            raise LookupError(f"{self.folder / 'pom.xml'} does not depend on {self.module}")
        return found[1]


def version_of(folder: Path, module: str) -> str:
    """As go.mod requires it."""
    found = re.search(rf"^\s*(?:require )?{re.escape(module)} (v\S+)", (folder / "go.mod").read_text(), re.MULTILINE)
    if found is None:
        raise LookupError(f"{folder / 'go.mod'} does not require {module}")
    return found[1]


KUBERNETES = "k8s.io/kubernetes"
KEDA = "github.com/kedacore/keda/v2"
OPERATOR = "github.com/rabbitmq/cluster-operator/v2"
COMPOSE = "github.com/docker/compose/v2"
PULUMI_SDK = "github.com/pulumi/pulumi/sdk/v3"
KORIFI = "code.cloudfoundry.org/korifi"
HELM = "helm.sh/helm/v3"
VEGETA = "github.com/tsenart/vegeta/v12"

PARTS = {
    part.name: part
    for part in (
        Part(
            "kubernetes",
            KUBERNETES,
            {
                name: f"{KUBERNETES}/cmd/{name}"
                for name in (
                    "kube-apiserver",
                    "kube-controller-manager",
                    "kube-scheduler",
                    "kubelet",
                    "kube-proxy",
                    "kubectl",
                )
            },
            {
                f"{package}/version.{variable}": value
                for package in ("k8s.io/component-base", "k8s.io/client-go/pkg")
                for variable, value in (
                    ("gitVersion", "{version}"),
                    ("gitMajor", "{major}"),
                    ("gitMinor", "{minor}"),
                    ("gitTreeState", "clean"),
                )
            },
        ),
        Part("coredns", "github.com/coredns/coredns", {"coredns": "github.com/coredns/coredns"}),
        # The newest version of the SDK's module that holds the Python language host; it serves newer CLIs and SDKs.
        # The scripts beside it are those of the CLI's own version.
        Part(
            "pulumi-python",
            PULUMI_SDK,
            {"pulumi-language-python": f"{PULUMI_SDK}/python/cmd/pulumi-language-python"},
            copied=(
                Copied("pulumi", PULUMI_SDK, "python/cmd/pulumi-language-python-exec", "bin"),
                Copied("pulumi", PULUMI_SDK, "python/dist/pulumi-resource-pulumi-python", "bin"),
            ),
        ),
        Part(
            "pulumi",
            "github.com/pulumi/pulumi/pkg/v3",
            {"pulumi": "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"},
            {f"{PULUMI_SDK}/go/common/version.Version": "{version}"},
        ),
        Part(
            "metrics-server",
            "sigs.k8s.io/metrics-server",
            {"metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server"},
        ),
        Part(
            "cluster-operator",
            OPERATOR,
            {"cluster-operator": f"{OPERATOR}/cmd"},
            copied=(Copied("cluster-operator", OPERATOR, "config/crd/bases/*.yaml", "crds"),),
        ),
        Part(
            "keda",
            KEDA,
            {"keda-operator": f"{KEDA}/cmd/operator", "keda-adapter": f"{KEDA}/cmd/adapter"},
            {f"{KEDA}/version.Version": "{version}"},
            copied=(Copied("keda", KEDA, "config/crd/bases/*.yaml", "crds"),),
        ),
        # Cloud Foundry's API on Kubernetes. Its chart is used as it is, so `helm` has to render it.
        Part(
            "korifi",
            KORIFI,
            {name: f"{KORIFI}/{name}" for name in ("api", "controllers")},
            {f"{KORIFI}/version.Version": "{version}"},
            copied=(
                Copied("korifi", KORIFI, "helm/korifi", "chart"),
                Copied("korifi", "sigs.k8s.io/gateway-api", "config/crd/standard/*_httproutes.yaml", "crds"),
            ),
        ),
        Part("helm", HELM, {"helm": f"{HELM}/cmd/helm"}),
        # The instruments that `warren selfcheck` holds ours against.
        Part("vegeta", VEGETA, {"vegeta": VEGETA}, {"main.Version": "{version}"}),
        Jars("perf-test", "com.rabbitmq:perf-test", {}),
        Part("compose", COMPOSE, {"docker-compose": f"{COMPOSE}/cmd"}, {f"{COMPOSE}/internal.Version": "{version}"}),
    )
}
