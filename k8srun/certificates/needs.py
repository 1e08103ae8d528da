"""What this domain reads of a cluster and its hosts."""

from __future__ import annotations

from k8srun.hostfiles import Topic
from k8srun.kinds import (
    API_SERVICE,
    CERT_MANAGER_CERTIFICATE,
    CERTIFICATE_SIGNING_REQUEST,
    CONFIG_MAP,
    CUSTOM_RESOURCE_DEFINITION,
    DAEMON_SET,
    DEPLOYMENT,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NODE,
    SECRET,
    STATEFUL_SET,
    VALIDATING_WEBHOOK,
)
from k8srun.snapshot import Need

HOST_NEEDS: tuple[Need, ...] = (Need.host(Topic.PKI), Need.host(Topic.KUBECONFIG), Need.host(Topic.MANIFEST))

DIAGNOSIS_NEEDS: tuple[Need, ...] = (
    *HOST_NEEDS,
    Need.host(Topic.KUBELET),
    Need.endpoint(),
    *(
        Need.objects(kind)
        for kind in (
            NODE,
            CONFIG_MAP,
            SECRET,
            CERTIFICATE_SIGNING_REQUEST,
            VALIDATING_WEBHOOK,
            MUTATING_WEBHOOK,
            CUSTOM_RESOURCE_DEFINITION,
            API_SERVICE,
        )
    ),
)

PLAN_NEEDS: tuple[Need, ...] = (
    *DIAGNOSIS_NEEDS,
    *(Need.objects(kind) for kind in (NAMESPACE, DEPLOYMENT, STATEFUL_SET, DAEMON_SET)),
)
"""What a plan can make use of: the namespaces that a webhook judges, the workloads that serve from a Secret."""

LIST_NEEDS: tuple[Need, ...] = (*DIAGNOSIS_NEEDS, Need.objects(CERT_MANAGER_CERTIFICATE))
"""What the list of all certificates rests on."""
