"""The checks of this domain: what is wrong with policies before anybody meets blocked traffic."""

from __future__ import annotations

from k8srun.checks import Check
from k8srun.findings import Severity
from k8srun.kinds import (
    ADMIN_NETWORK_POLICY,
    BASELINE_ADMIN_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    DAEMON_SET,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    SERVICE,
)
from k8srun.network import lint, lint_cluster
from k8srun.snapshot import Need

_DOCS = "https://kubernetes.io/docs/concepts/services-networking/network-policies/"
_API = "https://network-policy-api.sigs.k8s.io/"
_NAMES = "https://kubernetes.io/docs/reference/labels-annotations-taints/#kubernetes-io-metadata-name"
_CIS = "CIS Kubernetes 1.12: 5.3.2"

_POLICIES, _PODS = Need.objects(NETWORK_POLICY), Need.objects(POD)
_NAMESPACES, _AGENTS, _NODES = Need.objects(NAMESPACE), Need.objects(DAEMON_SET), Need.objects(NODE)

CHECKS: tuple[Check, ...] = (
    Check(
        "NP-INVALID",
        "Every network policy is one that the server accepts and reads as it is written",
        Severity.HIGH,
        (_POLICIES,),
        "Correct the field that is named, and check it with kubectl apply --dry-run=server.",
        (_DOCS,),
        lint.invalid,
    ),
    Check(
        "NP-SELECTS-NOTHING",
        "Every network policy is about at least one pod",
        Severity.MEDIUM,
        (_POLICIES, _PODS, _NAMESPACES),
        "Compare its podSelector with the labels of the pods that it should protect, or delete it.",
        (_DOCS,),
        lint.selects_nothing,
        needs_all=True,
    ),
    Check(
        "NP-PEER-MATCHES-NOTHING",
        "Every selector of a network policy's rules matches at least one pod",
        Severity.LOW,
        (_POLICIES, _PODS, _NAMESPACES),
        "Compare it with the labels of pods and namespaces: kubectl get pods -A --show-labels",
        (_DOCS,),
        lint.peer_matches_nothing,
        needs_all=True,
    ),
    Check(
        "NP-PORT-MATCHES-NOTHING",
        "Every port that a network policy names is declared by a container at the receiving end",
        Severity.MEDIUM,
        (_POLICIES, _PODS, _NAMESPACES),
        "Give the port as a number, or name the port in the containers.",
        (_DOCS,),
        lint.port_matches_nothing,
        needs_all=True,
    ),
    Check(
        "NP-REDUNDANT",
        "No network policy is without effect because others decide all that it does",
        Severity.INFO,
        (_POLICIES, _PODS, _NAMESPACES),
        "Delete it, or give it what it was meant to add.",
        (_DOCS, _API),
        lint.redundant,
        needs_all=True,
    ),
    Check(
        "NP-AND-OR",
        "No rule has as two elements (OR) what looks meant as one (AND)",
        Severity.HIGH,
        (_POLICIES,),
        "Take the dash away before podSelector, so that both selectors stand in one element; leave it if OR is meant.",
        (f"{_DOCS}#behavior-of-to-and-from-selectors",),
        lint.and_or,
    ),
    Check(
        "NP-NAMESPACE-LABEL",
        "No rule selects a namespace by a label that no namespace has, in place of its name",
        Severity.MEDIUM,
        (_POLICIES, _NAMESPACES),
        "Select it by kubernetes.io/metadata.name, which the server sets.",
        (_NAMES, _DOCS),
        lint.namespace_name,
        needs_all=True,
    ),
    Check(
        "NP-INERT",
        "Where there are network policies, the network plugin enforces them",
        Severity.CRITICAL,
        (_POLICIES, _AGENTS),
        "Switch enforcement on in the plugin, or install one that has it; then test that traffic is blocked.",
        (f"{_DOCS}#prerequisites", "CIS Kubernetes 1.12: 5.3.1"),
        lint_cluster.inert,
    ),
    Check(
        "NP-NOT-IMPLEMENTED",
        "Every cluster-wide network policy has been taken up by an implementation",
        Severity.HIGH,
        tuple(
            Need.objects(kind) for kind in (ADMIN_NETWORK_POLICY, BASELINE_ADMIN_NETWORK_POLICY, CLUSTER_NETWORK_POLICY)
        ),
        "Install a network plugin that implements this kind and version; without one the policy has no effect.",
        (_API,),
        lint_cluster.not_implemented,
    ),
    Check(
        "NP-EGRESS-DNS",
        "Every workload whose egress is restricted can ask DNS",
        Severity.MEDIUM,
        (_POLICIES, _PODS, _NAMESPACES, Need.objects(SERVICE)),
        "Allow egress to the DNS pods in kube-system on 53/UDP and 53/TCP.",
        (_DOCS,),
        lint_cluster.without_dns,
    ),
    Check(
        "NP-DEFAULT-DENY",
        "Every namespace with workloads has a policy that isolates all of its pods for ingress",
        Severity.MEDIUM,
        (_POLICIES, _PODS),
        "Add a policy with podSelector {} and policyTypes [Ingress], beside those that allow what is needed.",
        (_CIS, f"{_DOCS}#default-deny-all-ingress-traffic"),
        lint_cluster.without_default_deny,
        needs_all=True,
    ),
    Check(
        "NP-METADATA",
        "No workload reaches the metadata service of the cloud",
        Severity.MEDIUM,
        (_POLICIES, _PODS, _NODES),
        "Deny egress to 169.254.169.254/32, and give workloads an identity of their own.",
        ("https://kubernetes.io/docs/concepts/security/security-checklist/#network-security", _DOCS),
        lint_cluster.metadata,
    ),
)
