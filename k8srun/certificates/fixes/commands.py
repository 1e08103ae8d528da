"""The commands that fixes are made of, for each way a cluster may have been set up.

Names from a cluster are quoted for the shell. What is not known stands as a word in capitals.
"""

from __future__ import annotations

import shlex

from k8srun.certificates.roles import BY_ID, PKI
from k8srun.distribution import Distribution
from k8srun.text import visible

CONTROL_PLANE = "on each control-plane node, one after the other"
WORKSTATION = "where the kubeconfig is used"

COPY = "sudo mkdir -p /var/backups && sudo cp -a"
BACKUP = f"{COPY} /etc/kubernetes /var/backups/kubernetes-$(date +%F)"
_CONFIGURED = frozenset({"apiserver", "etcd-server", "etcd-peer"})
_CONFIGURATION = (
    "sudo kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system get cm kubeadm-config"
    " -o jsonpath='{.data.ClusterConfiguration}' > kubeadm.yaml  # or the file that kubeadm init was given"
)
_STATIC = "/etc/kubernetes/manifests"
_CREDENTIALS = {
    "EKS": "aws eks update-kubeconfig --name CLUSTER --region REGION",
    "GKE": "gcloud container clusters get-credentials CLUSTER --location LOCATION",
    "AKS": "az aks get-credentials --resource-group GROUP --name CLUSTER --overwrite-existing",
    "DOKS": "doctl kubernetes cluster kubeconfig save CLUSTER",
    "kind": "kind export kubeconfig --name CLUSTER",
    "minikube": "minikube update-context",
}
_PROVIDER = {
    "EKS": (
        "EKS renews the control plane's certificates itself: open a support case if it did not",
        ("aws eks describe-cluster --name CLUSTER --query 'cluster.{status: status, endpoint: endpoint}'",),
    ),
    "GKE": (
        "GKE renews its certificates with a credential rotation",
        ("gcloud container clusters update CLUSTER --location LOCATION --start-credential-rotation",),
    ),
    "AKS": (
        "AKS renews all certificates of a cluster at once; its nodes restart",
        ("az aks rotate-certs --resource-group GROUP --name CLUSTER",),
    ),
    "DOKS": (
        "DigitalOcean renews the control plane's certificates itself: open a support ticket if it did not",
        ("doctl kubernetes cluster kubeconfig save CLUSTER",),
    ),
    "OpenShift": (
        "OpenShift's operators renew the certificates; after a long shutdown the nodes' requests wait for approval",
        ("oc get clusteroperators", "oc get csr -o name | xargs oc adm certificate approve"),
    ),
}
_CA_FILES = {
    "k3s": "/var/lib/rancher/k3s/server/tls/server-ca.crt",
    "RKE2": "/var/lib/rancher/rke2/server/tls/server-ca.crt",
    "minikube": "~/.minikube/ca.crt",
}


def quote(text: str) -> str:
    """A name from a cluster as one word of a shell command."""
    return shlex.quote(visible(text, limit=300))


def restart(program: str, distribution: Distribution) -> tuple[str, ...]:
    """How a program of the control plane takes up changed files. A static pod restarts when its manifest comes back."""
    if distribution.name in {"k3s", "RKE2"}:
        service = "k3s" if distribution.name == "k3s" else "rke2-server"
        return (f"sudo systemctl restart {service}",)
    if program == "kubelet" or distribution.name == "hand-made":
        return (f"sudo systemctl restart {program}",)
    manifest = f"{program}.yaml"
    return (
        f"sudo mv {_STATIC}/{manifest} /etc/kubernetes/ && sleep 20 && sudo mv /etc/kubernetes/{manifest} {_STATIC}/",
        f"sudo crictl ps --name {program}",
    )


def renewal(role: str, distribution: Distribution, certificate: str = "") -> tuple[str, tuple[str, ...]]:
    """In a sentence and in commands: how the certificate of a role is issued again with the same content.

    Args:
        certificate: the path where it was found, for clusters without kubeadm.
    """
    row = BY_ID[role]
    if distribution.name in _PROVIDER:
        return _PROVIDER[distribution.name]
    if distribution.name in {"k3s", "RKE2"}:
        tool = "k3s" if distribution.name == "k3s" else "rke2"
        service = "k3s" if tool == "k3s" else "rke2-server"
        commands = (
            f"sudo systemctl stop {service}",
            f"sudo {tool} certificate rotate",
            f"sudo systemctl start {service}",
        )
        return f"{tool} renews its certificates when it restarts", commands
    if is_hand_made(distribution, certificate):
        return f"Issue {row.title} again and restart {row.program}", (
            *by_hand(certificate or row.path, BY_ID[row.issuer].path),
            *restart(row.program, distribution),
        )
    return f"Renew {row.title} and restart {row.program}", (
        BACKUP,
        f"sudo {_kubeadm(distribution)} certs renew {role}",
        *(restart(row.program, distribution) if row.program != "kubectl" else ()),
    )


def is_hand_made(distribution: Distribution, certificate: str) -> bool:
    """Whether a certificate is one that kubeadm does not know: an openssl command renews it."""
    return distribution.name == "hand-made" and not certificate.startswith(f"{PKI}/")


def by_hand(certificate: str, authority: str) -> tuple[str, ...]:
    """A certificate issued again with openssl: same key, same content, a year from now."""
    stem, authority_stem = certificate.removesuffix(".crt"), authority.removesuffix(".crt")
    pair = f"-in {quote(certificate)} -signkey {quote(stem + '.key')}"
    signer = f"-CA {quote(authority)} -CAkey {quote(authority_stem + '.key')} -CAcreateserial"
    return (
        f"openssl x509 -x509toreq {pair} -copy_extensions copyall -out renewed.csr",
        f"openssl x509 -req -in renewed.csr {signer} -copy_extensions copyall -days 365 -out renewed.crt",
        f"cp -a {quote(certificate)} {quote(certificate + '.old')} && cp renewed.crt {quote(certificate)}",
    )


def reissue(role: str, distribution: Distribution, edit: str = "") -> tuple[str, ...]:
    """A certificate made anew, with a new key; where kubeadm does not make it, as the distribution renews it.

    Without the cluster's configuration kubeadm would write its defaults into it: of service address, names and domain.

    Args:
        edit: what to change in that configuration first.
    """
    if distribution.name in {"k3s", "RKE2", *_PROVIDER}:
        return renewal(role, distribution)[1]
    path = BY_ID[role].path.removesuffix(".crt")
    configured = role in _CONFIGURED
    return (
        BACKUP,
        *((_CONFIGURATION,) if configured else ()),
        *((f"# in kubeadm.yaml: {edit}",) if edit else ()),
        f"sudo mv {path}.crt {path}.key /var/backups/",
        f"sudo {_kubeadm(distribution)} init phase certs {role}{' --config kubeadm.yaml' if configured else ''}",
        *restart(BY_ID[role].program, distribution),
        *((f"sudo {_kubeadm(distribution)} init phase upload-config kubeadm --config kubeadm.yaml",) if edit else ()),
    )


def fetch_ca(distribution: Distribution, found: str = "") -> tuple[str, ...]:
    """How to come by the cluster's CA certificate as `ca.crt`, and its fingerprint to compare.

    Args:
        found: the path of a file that was seen to hold it.
    """
    if distribution.name in _CREDENTIALS and distribution.name != "kind" and not found:
        return (_CREDENTIALS[distribution.name],)
    path = found or _CA_FILES.get(distribution.name, f"{PKI}/ca.crt")
    return (
        f"ssh CONTROL-PLANE-NODE sudo cat {quote(path)} > ca.crt",
        "openssl x509 -in ca.crt -noout -subject -dates -fingerprint -sha256",
    )


def set_ca(cluster: str, kubeconfig: str) -> str:
    """Write `ca.crt` into a kubeconfig's certificate-authority-data."""
    return (
        f"kubectl config set-cluster {quote(cluster)} --kubeconfig {quote(kubeconfig)} "
        "--certificate-authority ca.crt --embed-certs"
    )


def add_tls_san(name: str, distribution: Distribution) -> tuple[str, ...]:
    """A name of the API server's certificate in k3s or RKE2: added to whatever their configuration says.

    Args:
        name: quoted.
    """
    folder = f"/etc/rancher/{distribution.name.lower()}/config.yaml.d"
    return (
        f"sudo mkdir -p {folder} && printf 'tls-san+:\n- \"%s\"\n' {name} | sudo tee {folder}/tls-san.yaml",
        *restart("kube-apiserver", distribution),
    )


def make_missing(distribution: Distribution) -> tuple[str, ...]:
    """How the certificates that are not there are made; what is there stays as it is."""
    if distribution.name in {"k3s", "RKE2"}:
        return restart("kube-apiserver", distribution)  # they make at their start what is missing
    return (f"sudo {_kubeadm(distribution)} init phase certs all",) if distribution.name != "hand-made" else ()


def rotate_default_authority(distribution: Distribution) -> tuple[str, ...]:
    """The CAs that k3s or RKE2 made for itself, replaced by new ones that are cross-signed by the old.

    Source: K3s, "k3s certificate", Rotating Self-Signed CA Certificates.
    """
    tool = distribution.name.lower()
    folder = f"/var/lib/rancher/{tool}/server/rotate-ca"
    return (
        "# rotate-default-ca-certs.sh: from contrib/util of the k3s repository, at the tag of this version",
        f"sudo PRODUCT={tool} bash rotate-default-ca-certs.sh  # writes {folder}; run on one server",
        f"sudo {tool} certificate rotate-ca --path={folder}",
        *restart("kube-apiserver", distribution),
    )


def renew_same_key(authority: str) -> tuple[str, ...]:
    """A CA certificate made again, for ten years, with its own key; every extension and the bytes of its name stay."""
    key = f"{authority.removesuffix('.crt')}.key"
    old = f"{authority}.old"
    return (
        f"sudo cp -a {quote(authority)} {quote(old)}",
        (
            f"sudo openssl x509 -in {quote(old)} -signkey {quote(key)} -days 3650 -out {quote(authority)}"
            "  # on the first node; copy the file to the others"
        ),
    )


def embed_authority(authority: str) -> tuple[str, ...]:
    """A node's CA certificate into each of the kubeconfigs that its programs and administrators use there."""
    # A joined node's kubelet calls its cluster otherwise than kubeadm does: default-cluster.
    cluster = "$(sudo kubectl config view --kubeconfig $file -o jsonpath='{.clusters[0].name}')"
    write = (
        f'sudo kubectl config set-cluster "{cluster}" --kubeconfig $file'
        f" --certificate-authority {quote(authority)} --embed-certs"
    )
    names = "admin super-admin controller-manager scheduler kubelet"
    return (f"for name in {names}; do file=/etc/kubernetes/$name.conf; sudo test -e $file && {write}; done",)


def handshake(address: str, name: str = "") -> str:
    """What a server presents, seen with openssl from where the command runs."""
    server_name = (
        f" -servername {quote(name)}" if name and not name.replace(".", "").isdigit() and ":" not in name else ""
    )
    return (
        f"openssl s_client -connect {quote(address)}{server_name} -showcerts </dev/null 2>/dev/null | "
        "openssl x509 -noout -subject -issuer -dates -ext subjectAltName"
    )


def _kubeadm(distribution: Distribution) -> str:
    """`kubeadm`, with `alpha` before 1.20, where `certs` had not left it."""
    old = distribution.minor is not None and distribution.minor < (1, 20)
    return "kubeadm alpha" if old else "kubeadm"
