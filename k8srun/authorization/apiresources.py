"""API discovery: which resources there are, in which groups and versions, under which names, and what was removed.

The built-in ones are those of a Kubernetes 1.37 API server, of which the APIServices of a snapshot, where they were
read, leave what that server has; custom ones come from its CRDs.
Sources: `/api` and `/apis` as served; Kubernetes' "Deprecated API Migration Guide".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from k8srun.kinds import API_SERVICE, CUSTOM_RESOURCE_DEFINITION
from k8srun.snapshot import JsonObject, Snapshot


@dataclass(frozen=True, slots=True)
class ApiResource:
    """A resource as discovery lists it.

    Attributes:
        group, plural, kind: `apps`, `deployments`, `Deployment`; the core group is empty.
        namespaced: whether its objects live in namespaces.
        versions: served, the preferred one first.
        short_names: `deploy`.
        subresources: `scale`, `status`.
        custom: from a CustomResourceDefinition.
    """

    group: str
    plural: str
    kind: str
    namespaced: bool
    versions: tuple[str, ...] = ("v1",)
    short_names: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    custom: bool = False

    @property
    def singular(self) -> str:
        return self.kind.lower()

    @property
    def name(self) -> str:
        """`deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def verbs(self) -> tuple[str, ...]:
        """Those of the resource itself, as discovery lists them; subresources have others."""
        return _VERBS.get(self.plural, _VERBS[""]) if not self.custom else _VERBS[""]

    @property
    def stability(self) -> str:
        """`stable`, `beta` or `alpha`, of the preferred version."""
        return stability_of(self.versions[0] if self.versions else "")


_VERBS = {
    "": ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"),
    "namespaces": ("create", "delete", "get", "list", "patch", "update", "watch"),
    "componentstatuses": ("get", "list"),
    **dict.fromkeys(
        (
            "bindings",
            "localsubjectaccessreviews",
            "selfsubjectaccessreviews",
            "selfsubjectreviews",
            "selfsubjectrulesreviews",
            "subjectaccessreviews",
            "tokenreviews",
        ),
        ("create",),
    ),
}

# plural, kind, N(amespaced) or C(luster), versions, short names, subresources.
_TABLE = {
    "": """
        bindings Binding N v1 - -
        componentstatuses ComponentStatus C v1 cs -
        configmaps ConfigMap N v1 cm -
        endpoints Endpoints N v1 ep -
        events Event N v1 ev -
        limitranges LimitRange N v1 limits -
        namespaces Namespace C v1 ns finalize,status
        nodes Node C v1 no proxy,status
        persistentvolumeclaims PersistentVolumeClaim N v1 pvc status
        persistentvolumes PersistentVolume C v1 pv status
        pods Pod N v1 po attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,resize,status
        podtemplates PodTemplate N v1 - -
        replicationcontrollers ReplicationController N v1 rc scale,status
        resourcequotas ResourceQuota N v1 quota status
        secrets Secret N v1 - -
        serviceaccounts ServiceAccount N v1 sa token
        services Service N v1 svc proxy,status
    """,
    "apiregistration.k8s.io": """
        apiservices APIService C v1 - status
    """,
    "apps": """
        controllerrevisions ControllerRevision N v1 - -
        daemonsets DaemonSet N v1 ds status
        deployments Deployment N v1 deploy scale,status
        replicasets ReplicaSet N v1 rs scale,status
        statefulsets StatefulSet N v1 sts scale,status
    """,
    "events.k8s.io": """
        events Event N v1 ev -
    """,
    "authentication.k8s.io": """
        selfsubjectreviews SelfSubjectReview C v1 - -
        tokenreviews TokenReview C v1 - -
    """,
    "authorization.k8s.io": """
        localsubjectaccessreviews LocalSubjectAccessReview N v1 - -
        selfsubjectaccessreviews SelfSubjectAccessReview C v1 - -
        selfsubjectrulesreviews SelfSubjectRulesReview C v1 - -
        subjectaccessreviews SubjectAccessReview C v1 - -
    """,
    "autoscaling": """
        horizontalpodautoscalers HorizontalPodAutoscaler N v2,v1 hpa status
    """,
    "batch": """
        cronjobs CronJob N v1 cj status
        jobs Job N v1 - status
    """,
    "certificates.k8s.io": """
        certificatesigningrequests CertificateSigningRequest C v1 csr approval,status
        clustertrustbundles ClusterTrustBundle C v1 - -
        podcertificaterequests PodCertificateRequest N v1 - status
    """,
    "networking.k8s.io": """
        ingressclasses IngressClass C v1 - -
        ingresses Ingress N v1 ing status
        ipaddresses IPAddress C v1 ip -
        networkpolicies NetworkPolicy N v1 netpol -
        servicecidrs ServiceCIDR C v1 - status
    """,
    "policy": """
        poddisruptionbudgets PodDisruptionBudget N v1 pdb status
    """,
    "rbac.authorization.k8s.io": """
        clusterrolebindings ClusterRoleBinding C v1 - -
        clusterroles ClusterRole C v1 - -
        rolebindings RoleBinding N v1 - -
        roles Role N v1 - -
    """,
    "storage.k8s.io": """
        csidrivers CSIDriver C v1 - -
        csinodes CSINode C v1 - status
        csistoragecapacities CSIStorageCapacity N v1 - -
        storageclasses StorageClass C v1 sc -
        volumeattachments VolumeAttachment C v1 - status
        volumeattributesclasses VolumeAttributesClass C v1 vac -
    """,
    "admissionregistration.k8s.io": """
        mutatingadmissionpolicies MutatingAdmissionPolicy C v1 - -
        mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding C v1 - -
        mutatingwebhookconfigurations MutatingWebhookConfiguration C v1 - -
        validatingadmissionpolicies ValidatingAdmissionPolicy C v1 - status
        validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding C v1 - -
        validatingwebhookconfigurations ValidatingWebhookConfiguration C v1 - -
    """,
    "apiextensions.k8s.io": """
        customresourcedefinitions CustomResourceDefinition C v1 crd,crds status
    """,
    "scheduling.k8s.io": """
        priorityclasses PriorityClass C v1 pc -
    """,
    "coordination.k8s.io": """
        leases Lease N v1 - -
    """,
    "node.k8s.io": """
        runtimeclasses RuntimeClass C v1 - -
    """,
    "discovery.k8s.io": """
        endpointslices EndpointSlice N v1 - -
    """,
    "resource.k8s.io": """
        deviceclasses DeviceClass C v1 - -
        devicetaintrules DeviceTaintRule C v1 - status
        resourceclaims ResourceClaim N v1 - status
        resourceclaimtemplates ResourceClaimTemplate N v1 - -
        resourceslices ResourceSlice C v1 - -
    """,
    "flowcontrol.apiserver.k8s.io": """
        flowschemas FlowSchema C v1 - status
        prioritylevelconfigurations PriorityLevelConfiguration C v1 - status
    """,
    "storagemigration.k8s.io": """
        storageversionmigrations StorageVersionMigration C v1 - status
    """,
}


@cache
def builtin() -> tuple[ApiResource, ...]:
    """The resources of a server without extensions, the core group first."""
    return tuple(_row(group, line.split()) for group, rows in _TABLE.items() for line in rows.strip().splitlines())


def resources(snapshot: Snapshot) -> tuple[ApiResource, ...]:
    """The built-in resources and those of the snapshot's CustomResourceDefinitions.

    Where the server's APIServices were read, only the groups and versions are given that it serves.
    """
    services = services_of(snapshot)
    known = builtin() if services is None else tuple(_restricted(services))
    return (*known, *custom(snapshot))


def services_of(snapshot: Snapshot) -> dict[tuple[str, str], JsonObject] | None:
    """The APIServices by group and version; None where those that a server makes for itself are not among them."""
    # A server has none for the group of APIServices themselves.
    found: dict[tuple[str, str], JsonObject] = {("apiregistration.k8s.io", "v1"): {"spec": {}}}
    for item in snapshot.of(API_SERVICE):
        spec = _mapping(item.get("spec"))
        group, version = spec.get("group") or "", spec.get("version")
        if isinstance(group, str) and isinstance(version, str):
            found[group, version] = item
    return found if ("", "v1") in found else None


def stability_of(version: str) -> str:
    """`stable`, `beta` or `alpha`."""
    return next((stage for stage in ("alpha", "beta") if stage in version), "stable")


def _restricted(services: Mapping[tuple[str, str], object]) -> Iterator[ApiResource]:
    for item in builtin():
        versions = tuple(version for version in item.versions if (item.group, version) in services)
        if versions:
            yield item if versions == item.versions else replace(item, versions=versions)


def custom(snapshot: Snapshot) -> Iterator[ApiResource]:
    """What the CustomResourceDefinitions of a snapshot add. One that cannot be read adds nothing."""
    for item in snapshot.of(CUSTOM_RESOURCE_DEFINITION):
        found = _custom(item)
        if found is not None:
            yield found


@cache
def _by_name() -> Mapping[tuple[str, str], ApiResource]:
    return {(item.group, item.plural): item for item in builtin()}


def builtin_resource(group: str, resource: str) -> ApiResource | None:
    """A built-in resource by its plural; None for what is not known."""
    return _by_name().get((group, resource))


def _row(group: str, columns: list[str]) -> ApiResource:
    plural, kind, scope, *lists = columns
    versions, short, subresources = (() if part == "-" else tuple(part.split(",")) for part in lists)
    return ApiResource(group, plural, kind, scope == "N", versions, short, subresources)


def _custom(item: JsonObject) -> ApiResource | None:
    spec = _mapping(item.get("spec"))
    names, group = _mapping(spec.get("names")), spec.get("group")
    plural, kind = names.get("plural"), names.get("kind")
    if not (isinstance(group, str) and isinstance(plural, str) and isinstance(kind, str)):
        return None
    versions = [version for version in _list(spec.get("versions")) if isinstance(version, Mapping)]
    served = [str(version.get("name")) for version in versions if version.get("served", True)]
    subresources = dict.fromkeys(name for version in versions for name in _mapping(version.get("subresources")))
    short = tuple(name for name in _list(names.get("shortNames")) if isinstance(name, str))
    namespaced = spec.get("scope") == "Namespaced"
    return ApiResource(group, plural, kind, namespaced, tuple(served), short, tuple(subresources), custom=True)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
