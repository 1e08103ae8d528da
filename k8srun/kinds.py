"""The kinds of Kubernetes API objects that the tool reads, and how the server names them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """A kind of API object, identified by group and kind: versions of one kind are the same objects.

    `str()` gives the field's usual spelling: `Pod`, `Deployment.apps`.
    """

    group: str
    kind: str

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


@dataclass(frozen=True, slots=True)
class Resource:
    """How the server serves a kind: `/apis/GROUP/VERSION/[namespaces/NS/]PLURAL`, versions in order of preference."""

    kind: Kind
    plural: str
    namespaced: bool
    versions: tuple[str, ...] = ("v1",)

    def path(self, version: str, namespace: str = "") -> str:
        root = f"/apis/{self.kind.group}/{version}" if self.kind.group else f"/api/{version}"
        return f"{root}/namespaces/{namespace}/{self.plural}" if namespace else f"{root}/{self.plural}"


POD = Kind("", "Pod")
NODE = Kind("", "Node")
NAMESPACE = Kind("", "Namespace")
SERVICE = Kind("", "Service")
ENDPOINT_SLICE = Kind("discovery.k8s.io", "EndpointSlice")
CONFIG_MAP = Kind("", "ConfigMap")
SECRET = Kind("", "Secret")
SERVICE_ACCOUNT = Kind("", "ServiceAccount")
EVENT = Kind("", "Event")
RESOURCE_QUOTA = Kind("", "ResourceQuota")
LIMIT_RANGE = Kind("", "LimitRange")
DEPLOYMENT = Kind("apps", "Deployment")
REPLICA_SET = Kind("apps", "ReplicaSet")
STATEFUL_SET = Kind("apps", "StatefulSet")
DAEMON_SET = Kind("apps", "DaemonSet")
REPLICATION_CONTROLLER = Kind("", "ReplicationController")
JOB = Kind("batch", "Job")
CRON_JOB = Kind("batch", "CronJob")
INGRESS = Kind("networking.k8s.io", "Ingress")
NETWORK_POLICY = Kind("networking.k8s.io", "NetworkPolicy")
ADMIN_NETWORK_POLICY = Kind("policy.networking.k8s.io", "AdminNetworkPolicy")
BASELINE_ADMIN_NETWORK_POLICY = Kind("policy.networking.k8s.io", "BaselineAdminNetworkPolicy")
CLUSTER_NETWORK_POLICY = Kind("policy.networking.k8s.io", "ClusterNetworkPolicy")
CILIUM_NETWORK_POLICY = Kind("cilium.io", "CiliumNetworkPolicy")
CILIUM_CLUSTERWIDE_NETWORK_POLICY = Kind("cilium.io", "CiliumClusterwideNetworkPolicy")
CALICO_NETWORK_POLICY = Kind("crd.projectcalico.org", "NetworkPolicy")
CALICO_GLOBAL_NETWORK_POLICY = Kind("crd.projectcalico.org", "GlobalNetworkPolicy")
CALICO_API_NETWORK_POLICY = Kind("projectcalico.org", "NetworkPolicy")
CALICO_API_GLOBAL_NETWORK_POLICY = Kind("projectcalico.org", "GlobalNetworkPolicy")
ISTIO_AUTHORIZATION_POLICY = Kind("security.istio.io", "AuthorizationPolicy")
SECURITY_GROUP_POLICY = Kind("vpcresources.k8s.aws", "SecurityGroupPolicy")
ROLE = Kind("rbac.authorization.k8s.io", "Role")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", "ClusterRole")
ROLE_BINDING = Kind("rbac.authorization.k8s.io", "RoleBinding")
CLUSTER_ROLE_BINDING = Kind("rbac.authorization.k8s.io", "ClusterRoleBinding")
CERTIFICATE_SIGNING_REQUEST = Kind("certificates.k8s.io", "CertificateSigningRequest")
VALIDATING_WEBHOOK = Kind("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")
MUTATING_WEBHOOK = Kind("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
CUSTOM_RESOURCE_DEFINITION = Kind("apiextensions.k8s.io", "CustomResourceDefinition")
API_SERVICE = Kind("apiregistration.k8s.io", "APIService")
RUNTIME_CLASS = Kind("node.k8s.io", "RuntimeClass")
CERT_MANAGER_CERTIFICATE = Kind("cert-manager.io", "Certificate")
VULNERABILITY_REPORT = Kind("aquasecurity.github.io", "VulnerabilityReport")

RESOURCES: dict[Kind, Resource] = {
    resource.kind: resource
    for resource in (
        Resource(POD, "pods", namespaced=True),
        Resource(NODE, "nodes", namespaced=False),
        Resource(NAMESPACE, "namespaces", namespaced=False),
        Resource(SERVICE, "services", namespaced=True),
        Resource(ENDPOINT_SLICE, "endpointslices", namespaced=True),
        Resource(CONFIG_MAP, "configmaps", namespaced=True),
        Resource(SECRET, "secrets", namespaced=True),
        Resource(SERVICE_ACCOUNT, "serviceaccounts", namespaced=True),
        Resource(EVENT, "events", namespaced=True),
        Resource(RESOURCE_QUOTA, "resourcequotas", namespaced=True),
        Resource(LIMIT_RANGE, "limitranges", namespaced=True),
        Resource(DEPLOYMENT, "deployments", namespaced=True),
        Resource(REPLICA_SET, "replicasets", namespaced=True),
        Resource(STATEFUL_SET, "statefulsets", namespaced=True),
        Resource(DAEMON_SET, "daemonsets", namespaced=True),
        Resource(REPLICATION_CONTROLLER, "replicationcontrollers", namespaced=True),
        Resource(JOB, "jobs", namespaced=True),
        Resource(CRON_JOB, "cronjobs", namespaced=True),
        Resource(INGRESS, "ingresses", namespaced=True),
        Resource(NETWORK_POLICY, "networkpolicies", namespaced=True),
        Resource(ADMIN_NETWORK_POLICY, "adminnetworkpolicies", namespaced=False, versions=("v1alpha1",)),
        Resource(
            BASELINE_ADMIN_NETWORK_POLICY, "baselineadminnetworkpolicies", namespaced=False, versions=("v1alpha1",)
        ),
        Resource(CLUSTER_NETWORK_POLICY, "clusternetworkpolicies", namespaced=False, versions=("v1alpha2",)),
        Resource(CILIUM_NETWORK_POLICY, "ciliumnetworkpolicies", namespaced=True, versions=("v2",)),
        Resource(
            CILIUM_CLUSTERWIDE_NETWORK_POLICY, "ciliumclusterwidenetworkpolicies", namespaced=False, versions=("v2",)
        ),
        Resource(CALICO_NETWORK_POLICY, "networkpolicies", namespaced=True),
        Resource(CALICO_GLOBAL_NETWORK_POLICY, "globalnetworkpolicies", namespaced=False),
        Resource(CALICO_API_NETWORK_POLICY, "networkpolicies", namespaced=True, versions=("v3",)),
        Resource(CALICO_API_GLOBAL_NETWORK_POLICY, "globalnetworkpolicies", namespaced=False, versions=("v3",)),
        Resource(ISTIO_AUTHORIZATION_POLICY, "authorizationpolicies", namespaced=True),
        Resource(SECURITY_GROUP_POLICY, "securitygrouppolicies", namespaced=True, versions=("v1beta1",)),
        Resource(ROLE, "roles", namespaced=True),
        Resource(CLUSTER_ROLE, "clusterroles", namespaced=False),
        Resource(ROLE_BINDING, "rolebindings", namespaced=True),
        Resource(CLUSTER_ROLE_BINDING, "clusterrolebindings", namespaced=False),
        Resource(CERTIFICATE_SIGNING_REQUEST, "certificatesigningrequests", namespaced=False),
        Resource(VALIDATING_WEBHOOK, "validatingwebhookconfigurations", namespaced=False),
        Resource(MUTATING_WEBHOOK, "mutatingwebhookconfigurations", namespaced=False),
        Resource(CUSTOM_RESOURCE_DEFINITION, "customresourcedefinitions", namespaced=False),
        Resource(API_SERVICE, "apiservices", namespaced=False),
        Resource(RUNTIME_CLASS, "runtimeclasses", namespaced=False),
        Resource(CERT_MANAGER_CERTIFICATE, "certificates", namespaced=True),
        Resource(VULNERABILITY_REPORT, "vulnerabilityreports", namespaced=True, versions=("v1alpha1",)),
    )
}


def kind_of(api_version: str, kind: str) -> Kind:
    """The kind that a manifest's `apiVersion` and `kind` name: `apps/v1`, `Deployment` → `Deployment.apps`."""
    group, slash, _ = api_version.partition("/")
    return Kind(group if slash else "", kind)
