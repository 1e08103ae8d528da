"""What the API server's certificate should be valid for, by what the cluster says of itself.

Source: kubeadm `pki_helpers.go`, GetAPIServerAltNames; clients of any cluster use the same names.
"""

from __future__ import annotations

import ipaddress
import re

from k8srun.certificates.inventory import Inventory
from k8srun.certificates.shapes import at, text
from k8srun.certificates.wrappers import address_of
from k8srun.hostfiles import Topic
from k8srun.kinds import CONFIG_MAP, SERVICE
from k8srun.snapshot import Snapshot

_IN_CLUSTER = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
# One line of kubeadm's ClusterConfiguration; the document is not parsed for it, since anybody may have written it.
_ENDPOINT = re.compile(r"^controlPlaneEndpoint:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)


def expected_names(snapshot: Snapshot, inventory: Inventory) -> dict[str, str]:
    """Name or address → why it must be in the certificate."""
    wanted = dict.fromkeys(_IN_CLUSTER, "by which pods reach it")
    service = snapshot.find(SERVICE, "kubernetes", "default")
    if service and _is_address(text(at(service, "spec", "clusterIP"))):
        wanted[text(at(service, "spec", "clusterIP"))] = "the address of Service default/kubernetes"
    for program in inventory.program("kube-apiserver"):
        first = _first_address(program.flags.get("service-cluster-ip-range", ""))
        if first:
            wanted.setdefault(first, f"the first service address ({program.place})")
        advertised = program.flags.get("advertise-address", "")
        if _is_address(advertised):
            wanted.setdefault(advertised, f"the address that it advertises ({program.place})")
    config = snapshot.find(CONFIG_MAP, "kubeadm-config", "kube-system")
    endpoint = _ENDPOINT.search(text(at(config, "data", "ClusterConfiguration"))) if config else None
    if endpoint:
        wanted.setdefault(
            address_of(f"https://{endpoint[1]}")[0], "the controlPlaneEndpoint of kubeadm's configuration"
        )
    observed = {(seen.host.lower(), seen.port) for seen in snapshot.endpoints}
    for file in snapshot.files_of(Topic.KUBECONFIG):
        for cluster in file.kubeconfig.clusters if file.kubeconfig else ():
            # A person's kubeconfig may lead to other clusters: it counts where its server was looked at.
            address = address_of(cluster.server)
            of_this = file.path.startswith("/etc/kubernetes/") or address in observed
            if of_this and not cluster.insecure_skip_tls_verify:
                wanted.setdefault(cluster.tls_server_name or address[0], f"the server of {file.place}")
    return {name: why for name, why in wanted.items() if name}


def _first_address(ranges: str) -> str:
    """The first usable address of the first range: that of the Service `kubernetes`."""
    try:
        return str(ipaddress.ip_network(ranges.partition(",")[0].strip(), strict=False)[1])
    except (ValueError, IndexError):
        return ""


def _is_address(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True
