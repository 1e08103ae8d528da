"""A kubeconfig as a snapshot may hold it: names, addresses, certificates, and what kind of credential each user has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.pem import PemBlock


@dataclass(frozen=True, slots=True)
class KubeconfigCluster:
    """`ca` is the embedded bundle, or that of `ca_path` if it could be read; `ca_error` says why it could not."""

    name: str
    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    proxy_url: str = ""
    ca: tuple[PemBlock, ...] = ()
    ca_path: str = ""
    ca_error: str = ""


@dataclass(frozen=True, slots=True)
class KubeconfigUser:
    """`credential` says how the user authenticates: `client certificate`, `token`, `token file`, `exec plugin`,
    `basic auth`, `auth provider`, `none`; several joined by ` and `. Secrets are gone: of a key its public key's hash
    stays, of a token its claims, of an exec plugin its command's name.
    """

    name: str
    credential: str = "none"
    certificate: tuple[PemBlock, ...] = ()
    certificate_path: str = ""
    key: PemBlock | None = None
    key_path: str = ""
    token_claims: Mapping[str, Any] | None = None
    exec_command: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class KubeconfigContext:
    name: str
    cluster: str = ""
    user: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """Clusters, users and contexts by name; `current_context` may name one that does not exist."""

    current_context: str = ""
    clusters: tuple[KubeconfigCluster, ...] = ()
    users: tuple[KubeconfigUser, ...] = ()
    contexts: tuple[KubeconfigContext, ...] = ()

    def resolve(self, context: str = "") -> tuple[KubeconfigCluster | None, KubeconfigUser | None]:
        """The cluster and user of a context (of the current one by default); None where a name leads nowhere."""
        wanted = context or self.current_context
        found = next((item for item in self.contexts if item.name == wanted), None)
        if found is None:
            return None, None
        cluster = next((item for item in self.clusters if item.name == found.cluster), None)
        user = next((item for item in self.users if item.name == found.user), None)
        return cluster, user
