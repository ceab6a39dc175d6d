"""Which foundation and as whom. The first of these that is there:

1. CF_API with CF_TOKEN (a bearer token), CF_CLIENT_ID and CF_CLIENT_SECRET, CF_REFRESH_TOKEN, or CF_CERTIFICATE and
   CF_KEY (files; Korifi)
2. the login of the cf command line
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from loadtests.cloudfoundry.client import cf_cli
from loadtests.cloudfoundry.client.auth import Auth, BearerToken, ClientCertificate, ClientCredentials, RefreshToken
from loadtests.cloudfoundry.client.client import Client
from loadtests.cloudfoundry.client.errors import LoginError
from loadtests.cloudfoundry.client.patience import Patience

LOGINS = "CF_TOKEN, CF_CLIENT_ID and CF_CLIENT_SECRET, CF_REFRESH_TOKEN, or CF_CERTIFICATE and CF_KEY"


def connect(
    environ: Mapping[str, str] = os.environ,
    say: Callable[[str], None] = lambda text: None,
    patience: Patience | None = None,
) -> Client:
    """A client by the environment or the cf command line. Raises LoginError or Unreachable; asks nothing yet.

    CF_CA_FILE: a certificate authority to trust. CF_ORG and CF_SPACE: where to work, when not where `cf target` is.
    """
    own_ca = environ.get("CF_CA_FILE")
    if own_ca and not Path(own_ca).is_file():
        raise LoginError(f"CF_CA_FILE: there is no file {own_ca}")
    api = environ.get("CF_API")
    organization, space = environ.get("CF_ORG", ""), environ.get("CF_SPACE", "")
    if api:
        return Client(api, _named(environ), own_ca or True, patience, say, organization, space)
    found = cf_cli.read(environ)
    verify = own_ca or found.verify
    where = (organization or found.organization, space or found.space)
    return Client(found.api, found.auth, verify, patience, say, *where)


def _named(environ: Mapping[str, str]) -> Auth:
    if token := environ.get("CF_TOKEN"):
        return BearerToken(token)
    if (client := environ.get("CF_CLIENT_ID")) and (secret := environ.get("CF_CLIENT_SECRET")):
        return ClientCredentials(client, secret)
    if refresh := environ.get("CF_REFRESH_TOKEN"):
        return RefreshToken(refresh)
    if (certificate := environ.get("CF_CERTIFICATE")) and (key := environ.get("CF_KEY")):
        return ClientCertificate.of_files(Path(certificate), Path(key))
    raise LoginError(f"CF_API is set, but no login for it: {LOGINS}; or unset it to use the login of `cf`")
