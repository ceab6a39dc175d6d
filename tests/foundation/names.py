"""What is called how, and listens where, in a foundation. Ports are inside the cluster; none of them is to be seen."""

ROOT_NAMESPACE = "cf"
NAMESPACE = "korifi"
# Who may do everything: a user with a certificate, and the one whose tokens are issued.
CERTIFIED, ADMIN = "cf-admin", "admin"
BUILDER = "warren"
STACK = "cflinuxfs4"  # what manifests ask for; here it is Debian
DOMAIN = "apps.foundation.test"
PULL_SECRET = "image-registry-credentials"

REGISTRY = "127.0.0.1:5000"  # containerd and Korifi speak plain HTTP to a registry on loopback
API_PORT, TOKENS_PORT, ROUTER_PORT = 9000, 9001, 80
WEBHOOKS_PORT = 9443
MARKETPLACE, MARKETPLACE_PORT = "warren-marketplace", 8090
AMQP_PORT, MANAGEMENT_PORT, RESULTS_PORT = 5672, 15672, 6379
# Where a developer starts.
ORGANIZATION, SPACE = "warren", "dev"
