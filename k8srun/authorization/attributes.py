"""What an authorizer is asked: who, and which request.

Source: kubernetes `staging/src/k8s.io/apiserver/pkg/authorization/authorizer/interfaces.go`.
"""

from __future__ import annotations

from dataclasses import dataclass

from k8srun.permission import Permission

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"
UNAUTHENTICATED = "system:unauthenticated"
ANONYMOUS = "system:anonymous"
SERVICE_ACCOUNTS = "system:serviceaccounts"
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"
NODE_PREFIX = "system:node:"
NODES = "system:nodes"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user name and groups, exactly as an authorizer sees them: nothing is added unless `as_authenticated` does."""

    user: str
    groups: tuple[str, ...] = ()

    @staticmethod
    def of_service_account(namespace: str, name: str) -> Identity:
        """As the server authenticates its tokens, implicit groups included."""
        return Identity(f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}").as_authenticated()

    @property
    def service_account(self) -> tuple[str, str] | None:
        """Namespace and name of the ServiceAccount; None for everybody else."""
        if not self.user.startswith(SERVICE_ACCOUNT_PREFIX):
            return None
        namespace, colon, name = self.user.removeprefix(SERVICE_ACCOUNT_PREFIX).partition(":")
        return (namespace, name) if namespace and name and colon and ":" not in name else None

    @property
    def is_node(self) -> bool:
        return self.user.startswith(NODE_PREFIX) and NODES in self.groups

    def as_authenticated(self) -> Identity:
        """With the groups that real authentication and impersonation add. Adding them twice changes nothing."""
        added = [AUTHENTICATED]
        account = self.service_account
        if self.user == ANONYMOUS:
            added = [UNAUTHENTICATED]
        elif account:
            added = [SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{account[0]}", AUTHENTICATED]
        return Identity(self.user, (*self.groups, *(group for group in added if group not in self.groups)))

    def __str__(self) -> str:
        groups = f" in groups {', '.join(self.groups)}" if self.groups else ""
        return f"{self.user or '(no user)'}{groups}"


@dataclass(frozen=True, slots=True)
class Attributes:
    """One request. With `path` it is for a URL that is no resource (`/healthz`), and only `verb` counts beside it.

    Attributes:
        verb: `get`, `list`, `create`, …; of a URL the HTTP method in lower case. `*` is literal.
        group, resource, subresource: as RBAC names them; the core group is empty.
        namespace: empty for what is cluster-scoped, and for all namespaces at once.
        name: of the object; empty where the request carries none (create, list, watch, deletecollection).
    """

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str | None = None

    @staticmethod
    def of(permission: Permission) -> Attributes:
        """The request that needs a permission."""
        return Attributes(
            permission.verb,
            permission.group,
            permission.resource,
            permission.subresource,
            permission.namespace,
            permission.name,
        )

    @property
    def target(self) -> str:
        """`pods/log`, `deployments.apps/scale`, or the path."""
        if self.path is not None:
            return self.path
        named = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{named}/{self.subresource}" if self.subresource else named

    @property
    def combined(self) -> str:
        """Resource and subresource as a rule writes them: `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    def __str__(self) -> str:
        if self.path is not None:
            return f"{self.verb} {self.path}"
        where = f" in namespace {self.namespace}" if self.namespace else " at the cluster scope"
        return f"{self.verb} {self.target}{f' {self.name}' if self.name else ''}{where}"
