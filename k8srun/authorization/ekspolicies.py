"""What the access policies of Amazon EKS allow. AWS keeps them; they cannot be changed in a cluster.

Of policies that are not here no more than the name is known.
Source: the Amazon EKS user guide, "Review access policy permissions".
"""

from __future__ import annotations

from collections.abc import Iterator

from k8srun.authorization.model import ALL, Rule

_READ = ("get", "list", "watch")
_WRITE = ("create", "delete", "deletecollection", "patch", "update")

# API group (a dash for the core group), resources. What can be scaled is read and written through its subresource too.
_VIEWED = """
    apps controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets
    apps replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status
    autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status
    batch cronjobs,cronjobs/status,jobs,jobs/status
    discovery.k8s.io endpointslices
    extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status
    extensions networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale
    networking.k8s.io ingresses,ingresses/status,networkpolicies
    policy poddisruptionbudgets,poddisruptionbudgets/status
    - configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers
    - replicationcontrollers/scale,serviceaccounts,services,services/status
    - bindings,events,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status
    - resourcequotas,resourcequotas/status,namespaces
"""
_ALSO_READ_BY_EDITORS = "- pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy"
_EDITED = """
    apps daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets
    apps statefulsets/scale
    autoscaling horizontalpodautoscalers
    batch cronjobs,jobs
    extensions daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets
    extensions replicasets/scale,replicationcontrollers/scale
    networking.k8s.io ingresses,networkpolicies
    policy poddisruptionbudgets
    - configmaps,events,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets
    - serviceaccounts,services,services/proxy,pods,pods/attach,pods/exec,pods/portforward,pods/proxy
"""


def _rules(verbs: tuple[str, ...], table: str) -> Iterator[Rule]:
    for line in table.strip().splitlines():
        group, resources = line.split()
        yield Rule(verbs, ("" if group == "-" else group,), tuple(resources.split(",")))


_VIEW = tuple(_rules(_READ, _VIEWED))
_EDIT = (
    *_VIEW,
    *_rules(_READ, _ALSO_READ_BY_EDITORS),
    *_rules(_WRITE, _EDITED),
    *_rules(("impersonate",), "- serviceaccounts"),
)
_ADMIN = (
    *_EDIT,
    *_rules(("create",), "authorization.k8s.io localsubjectaccessreviews"),
    *_rules((*_READ, *_WRITE), "rbac.authorization.k8s.io rolebindings,roles"),
)

POLICIES: dict[str, tuple[Rule, ...]] = {
    "AmazonEKSClusterAdminPolicy": (Rule((ALL,), (ALL,), (ALL,)), Rule((ALL,), urls=(ALL,))),
    "AmazonEKSAdminPolicy": _ADMIN,
    "AmazonEKSAdminViewPolicy": (Rule(_READ, (ALL,), (ALL,)),),
    "AmazonEKSEditPolicy": _EDIT,
    "AmazonEKSViewPolicy": _VIEW,
    "AmazonEKSSecretReaderPolicy": tuple(_rules(_READ, "- secrets")),
}
"""By the last part of the policy's ARN."""
