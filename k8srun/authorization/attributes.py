"""What an authorizer is asked: who, and which request.

Sources: kubernetes/apiserver `pkg/authorization/authorizer/interfaces.go`, `pkg/authentication/serviceaccount/util.go`,
`pkg/authentication/group/authenticated_group_adder.go`.
"""

from __future__ import annotations

import re
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


_DNS = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ACCOUNT = re.compile(rf"(?P<namespace>(?=[^:]{{1,63}}:){_DNS}):(?P<name>{_DNS}(?:\.{_DNS})*)")
_LONGEST_NAME = 253


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
        """Namespace and name of the ServiceAccount; None for everybody else, and for names that none can have."""
        if not self.user.startswith(SERVICE_ACCOUNT_PREFIX):
            return None
        match = _ACCOUNT.fullmatch(self.user, len(SERVICE_ACCOUNT_PREFIX))
        return (match["namespace"], match["name"]) if match and len(match["name"]) <= _LONGEST_NAME else None

    @property
    def is_node(self) -> bool:
        return self.user.startswith(NODE_PREFIX) and NODES in self.groups

    def as_authenticated(self) -> Identity:
        """With the groups that real authentication and impersonation add. Adding them twice changes nothing."""
        account = self.service_account
        added = [SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{account[0]}"] if account else []
        # Of who is said to be unauthenticated the server does not say the opposite.
        if UNAUTHENTICATED not in self.groups:
            added.append(UNAUTHENTICATED if self.user == ANONYMOUS else AUTHENTICATED)
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
