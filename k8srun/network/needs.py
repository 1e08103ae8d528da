"""What this domain reads of a cluster."""

from __future__ import annotations

from k8srun.kinds import (
    CONFIG_MAP,
    CRON_JOB,
    CUSTOM_RESOURCE_DEFINITION,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    INGRESS,
    JOB,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    REPLICA_SET,
    SERVICE,
    STATEFUL_SET,
)
from k8srun.network.cluster import CLUSTER_POLICIES
from k8srun.network.layers import LAYERS
from k8srun.snapshot import Need

NEEDS: tuple[Need, ...] = tuple(
    Need.objects(kind)
    for kind in (
        POD,
        NAMESPACE,
        NODE,
        NETWORK_POLICY,
        *CLUSTER_POLICIES,
        SERVICE,
        ENDPOINT_SLICE,
        INGRESS,
        DEPLOYMENT,
        REPLICA_SET,
        STATEFUL_SET,
        DAEMON_SET,
        JOB,
        CRON_JOB,
        CONFIG_MAP,
        CUSTOM_RESOURCE_DEFINITION,
        *(kind for kind, _ in LAYERS),
    )
)
"""What a question and the map can make use of; none of it is demanded, what is missing makes answers unknown."""
