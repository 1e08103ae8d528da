"""The walkthroughs teach what they promise, and each section has something to run."""

from __future__ import annotations

import json

import pytest

from k8srun.sources.library import runbooks_folder

# What a newcomer looks for, by walkthrough; each must be told in a section that has a cell to run.
TAUGHT = {
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


@pytest.mark.parametrize("name", TAUGHT)
def test_a_walkthrough_teaches_every_subject(name):
    text = "\n".join("".join(cell["source"]) for cell in cells(name))
    assert [subject for subject in TAUGHT[name] if subject not in text] == []


@pytest.mark.parametrize("name", TAUGHT)
def test_there_is_something_to_try_in_nearly_every_section(name):
    found = cells(name)
    sections = sum("".join(cell["source"]).count("\n## ") + "".join(cell["source"]).startswith("## ") for cell in found)
    runs = sum(cell["cell_type"] == "code" for cell in found)
    tries = sum("".join(cell["source"]).count("*Try it:*") for cell in found)
    assert runs + tries >= sections
    assert tries >= 2
