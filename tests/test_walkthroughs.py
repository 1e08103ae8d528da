"""The walkthroughs teach what they promise, and what they invite to try works."""

from __future__ import annotations

import json
import re

import pytest

import k8srun
from k8srun.errors import RefusedError
from k8srun.lab import incidents
from k8srun.sources.library import runbooks_folder

WALKTHROUGHS = sorted(path.stem for path in (runbooks_folder() / "walkthrough").glob("*.ipynb"))
INCIDENTS = {described.name for described in incidents()}

# What a newcomer looks for, by walkthrough.
TAUGHT = {
    "layers": ["SSH", "audit log", "encryption-provider-config", "KMS", "backup", "distribute", "10250"],
    "tls-basics": ["symmetric", "Diffie-Hellman", "clientAuth", "serverAuth", "Subject", "Issuer"],
    "cluster-pki": ["system:node-proxier", "etcd", "front-proxy", "--tls-cert-file", "crictl", "CA:TRUE"],
    "certificates-api": ["signerName", "kube-controller-manager", "approve", "base64", "system:masters"],
    "authentication": ["basic-auth-file", "token-auth-file", "OIDC", "contexts", "kubectx", "system:anonymous"],
    "api-groups": ["kubectl proxy", "v1beta1", "CustomResourceDefinition", "operator", "openAPIV3Schema"],
    "authorization": ["ABAC", "Webhook", "AlwaysAllow", "AlwaysDeny", "--authorization-mode", "Admission"],
    "rbac": ["resourceNames", "ClusterRoleBinding", "aggregate-to-view", "escalate"],
    "service-accounts": ["projected volume", "TokenRequest", "automountServiceAccountToken", "default"],
    "network-policies": ["policyTypes", "namespaceSelector", "ipBlock", "AND", "DNS", "Flannel", "Hubble"],
    "images": [
        "What a name means", "Trusted registries", "Private registries: imagePullSecrets", "ServiceAccount",
        "signature", "Scans", "docker-registry", "digest",
    ],
    "security-contexts": [
        "One kernel", "Users: not root", "Capabilities", "NET_BIND_SERVICE", "SYS_TIME",
        "Pod level and container level",
        "runAsGroup", "fsGroup", "readOnlyRootFilesystem", "allowPrivilegeEscalation", "System calls", "privileged",
        "hostPID", "Examples",
    ],
    "pod-security-standards": [
        "PodSecurityPolicy", "baseline", "restricted", "ResourceQuota", "LimitRange", "gVisor", "RuntimeClass",
        "seccomp", "AppArmor", "operating system", "Nodes of their own", "audit",
    ],
}  # fmt: skip


def cells(name):
    return json.loads((runbooks_folder() / "walkthrough" / f"{name}.ipynb").read_text())["cells"]


def prose(name):
    return "\n\n".join("".join(cell["source"]) for cell in cells(name) if cell["cell_type"] == "markdown")


@pytest.mark.parametrize("name", TAUGHT)
def test_a_walkthrough_teaches_every_subject(name):
    assert [subject for subject in TAUGHT[name] if subject not in prose(name)] == []


@pytest.mark.parametrize("name", WALKTHROUGHS)
def test_the_sections_are_numbered_without_a_gap(name):
    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", prose(name), flags=re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 5


@pytest.mark.parametrize("name", WALKTHROUGHS)
def test_an_incident_that_is_named_to_be_tried_exists(name):
    lines = [line for line in prose(name).splitlines() if "`incident`" in line or "Set it to" in line]
    named = {word for line in lines for word in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", line)}
    assert named <= INCIDENTS | set(WALKTHROUGHS)


def tries(name):
    """The calls that the text invites to make, with the sentence that follows each."""
    text = re.sub(r"^```.*?^```", "", prose(name), flags=re.DOTALL | re.MULTILINE)
    return [
        (call, after) for call, after in re.findall(r"`((?:\w+ = )?run\.[^`]+\))`(?=([^.]*))", text) if "…" not in call
    ]


@pytest.mark.parametrize("name", [name for name in WALKTHROUGHS if tries(name)])
def test_what_a_walkthrough_invites_to_try_works(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (parameters,) = (cell for cell in cells(name) if "parameters" in cell["metadata"].get("tags", ()))
    known = {}
    exec("".join(parameters["source"]), known)
    known["run"] = k8srun.start(lab=True, incident=known["incident"])
    for call, after in tries(name):
        if "scan.json" in call:  # which trivy would have written
            continue
        try:
            exec(call, known)
        except RefusedError:
            assert "refuses" in after, call
    known["run"].finish()
