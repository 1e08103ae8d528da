"""A control-plane node on disk, with real keys of every form, and secrets planted wherever a node may hold one."""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.controlplane.pki import SERVER, Authority, Pair

# Each must be found nowhere but on the node. They look like nothing, so that only their place can give them away.
CANARIES = {
    "kubeconfig token": "Qm7canaryTokenOfAKubeconfig",
    "kubeconfig password": "Qm7canaryPasswordOfAKubeconfig",
    "plugin argument": "Qm7canaryPluginArgument",
    "plugin environment": "Qm7canaryPluginEnvironment",
    "manifest environment": "Qm7canaryManifestEnvironment",
    "manifest environment, several lines": "Qm7canaryManifestSeveralLines",
    "manifest environment, value first": "Qm7canaryManifestValueFirst",
    "manifest environment, in braces": "Qm7canaryManifestBraces",
    "manifest flag": "Qm7canaryManifestFlag",
    "manifest flag, next word": "Qm7canaryManifestNextWord",
    "manifest comment": "Qm7canaryManifestComment",
    "address of a webhook": "Qm7canaryWebhookAddress",
    "known token": "ghp_Qm7canaryKnownTokenOfGitHub",
    "encryption key": base64.b64encode(b"Qm7canary-encryption-key-32-byte").decode(),
    "static token file": "Qm7canaryStaticTokenFile",
    "bearer token in a log": "Qm7canaryBearerTokenInALog",
    "password in a log": "Qm7canaryPasswordInALog",
    "password in a URL": "Qm7canaryPasswordInAUrl",
    "k3s token": "Qm7canaryK3sToken",
    "kubelet environment": "Qm7canaryKubeletEnvironment",
    "CNI token": "Qm7canaryCniToken",
    "base64 key": "UW03Y2FuYXJ5",
}
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IiJ9.eyJzdWIiOiJzeXN0ZW06YW5vbnltb3VzIn0.Qm7canaryJwtSignature"

MANIFEST = """\
apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
  namespace: kube-system
spec:
  containers:
  - name: kube-apiserver
    command:
    - kube-apiserver
    - --client-ca-file=/etc/kubernetes/pki/ca.crt
    - --tls-cert-file=/srv/tls/serving.crt
    - --tls-private-key-file=/srv/tls/serving.key
    - --encryption-provider-config=/etc/kubernetes/enc/encryption.yaml
    - --audit-policy-file=/etc/kubernetes/audit/policy.yaml
    - --admission-control-config-file=/etc/kubernetes/admission/config.yaml
    - --token-auth-file=/etc/kubernetes/tokens.csv
    - --authorization-mode=Node,RBAC
    - --enable-bootstrap-token-auth=true
    - --oidc-client-secret={manifest flag}
    - --webhook-token
    - {manifest flag, next word}
    # was --oidc-client-secret: {manifest comment}
    env:
    - name: DB_PASSWORD
      value: {manifest environment}
    - name: ADMIN_PW
      value: {manifest environment}
    - name: SIGNING_KEY
      value: |
        first line
        {manifest environment, several lines}
    - value: {manifest environment, value first}
      name: API_TOKEN
    - {{name: OTHER_TOKEN, value: "{manifest environment, in braces}"}}
    - name: GOGC
      value: "100"
    volumeMounts:
    - name: k8s
      mountPath: /etc/kubernetes
    - name: serving
      mountPath: /srv/tls
  volumes:
  - name: k8s
    hostPath: {{path: /etc/kubernetes}}
  - name: serving
    hostPath:
      path: /srv/tls
"""
ETCD_MANIFEST = """\
apiVersion: v1
kind: Pod
metadata: {name: etcd, namespace: kube-system}
spec:
  containers:
  - name: etcd
    command: [etcd, "--data-dir=/data/etcd", "--cert-file=/etc/kubernetes/pki/etcd/server.crt"]
    volumeMounts:
    - {name: data, mountPath: /data/etcd}
    - {name: certs, mountPath: /etc/kubernetes/pki/etcd}
  volumes:
  - name: data
    hostPath: {path: /data/etcd}
  - name: certs
    hostPath: {path: /etc/kubernetes/pki/etcd}
"""
ADMISSION = """\
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  path: pod-security.yaml
- {name: EventRateLimit, path: "/srv/limits/rates.json"}
"""
POD_SECURITY = """\
apiVersion: pod-security.admission.config.k8s.io/v1
kind: PodSecurityConfiguration
defaults: {enforce: baseline}
"""
ENCRYPTION = """\
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - aescbc:
      keys:
      - name: key1
        secret: {encryption key}
  - identity: {{}}
"""
KUBELET = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous: {enabled: false}
  webhook: {cacheTTL: 2m0s, enabled: true}
  x509:
    clientCAFile: /srv/kubelet/client-ca.crt
imagePullCredentialsVerificationPolicy: NeverVerify
rotateCertificates: true
staticPodPath: /etc/kubernetes/manifests
"""
PLUGIN = """\
apiVersion: v1
kind: Config
current-context: cloud
preferences: {{}}
clusters:
- name: cloud
  cluster:
    server: https://admin:{password in a URL}@api.example:6443
    certificate-authority: pki/ca.crt
contexts:
- name: cloud
  context:
    cluster: cloud
    user: plugin
users:
- name: plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: cloud-login
      args:
      - --secret
      - {plugin argument}
      env:
      - name: CLOUD_PROFILE
        value: {plugin environment}
- name: token
  user:
    token: {kubeconfig token}
- name: basic
  user:
    username: admin
    password: >-
      {kubeconfig password}
"""
LOG = """\
2026-11-01T10:00:00.0Z stderr F E1101 10:00:00.0 1 authentication.go:73] "Unable to authenticate the request" \
err="[x509: certificate has expired or is not yet valid: current time 2026-11-01T10:00:00Z is after \
2026-10-01T10:00:00Z, verifying certificate SN=123, SKID=, AKID=AB:CD failed]"
2026-11-01T10:00:01.0Z stderr F W1101 reflector.go:1] failed to list *v1.Secret: Get "https://192.0.2.10:6443/": EOF
2026-11-01T10:00:02.0Z stderr F request with Authorization: Bearer {bearer token in a log}
2026-11-01T10:00:03.0Z stderr F login failed password={password in a log}
2026-11-01T10:00:04.0Z stderr F proxy http://user:{password in a URL}@proxy.example:3128
2026-11-01T10:00:05.0Z stderr F token {jwt} rejected
2026-11-01T10:00:06.0Z stderr F posted to https://hooks.slack.com/services/T0/{address of a webhook} by {known token}
"""


def pem(key, private_format=PrivateFormat.PKCS8, encryption=None) -> bytes:
    return key.private_bytes(Encoding.PEM, private_format, encryption or NoEncryption())


class NodeRoot:
    """The node's files below `root`. `keys` are all its private keys."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.ca = Authority("kubernetes")
        self.keys: list[object] = []
        self.pairs: dict[str, Pair] = {}
        self._system()
        self._pki()
        self._kubeconfigs()
        self._configuration()
        self._logs()

    def write(self, path: str, content: str | bytes, mode: int = 0o644) -> Path:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)
        os.utime(file, (1_790_000_000, 1_790_000_000))
        return file

    def link(self, path: str, target: str) -> None:
        link = self.root / path.lstrip("/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)

    def _system(self) -> None:
        user, group = os.getuid(), os.getgid()
        self.write("/etc/hostname", "cp-1\n")
        self.write("/etc/passwd", f"captain:x:{user}:{group}::/:/bin/sh\nlater:x:{user}:0::/:/bin/sh\n")
        self.write("/etc/group", f"crew:x:{group}:\n")
        self.write("/etc/ssh/sshd_config", "PermitRootLogin no\nPasswordAuthentication no\nInclude x\n", 0o600)

    def _pki(self) -> None:
        pki = "/etc/kubernetes/pki"
        for name, sans in (("apiserver", ("cp-1",)), ("etcd/server", ("cp-1",)), ("front-proxy-client", ())):
            self.pairs[name] = self.ca.issue(name, usages=SERVER, sans=sans)
            self.write(f"{pki}/{name}.crt", self.pairs[name].certificate)
            self.write(f"{pki}/{name}.key", self.pairs[name].key, 0o600)
        self.write(f"{pki}/ca.crt", self.ca.pair.certificate)
        self.write(f"{pki}/ca.key", self.ca.pair.key, 0o640)
        self.write(f"{pki}/ca.srl", "01\n")
        self._keys_of_every_form(pki)
        self._odd_files(pki)
        rotated = "/var/lib/kubelet/pki/kubelet-client-2026-01-01-00-00-00.pem"
        pair = self.ca.issue("system:node:cp-1", ("system:nodes",))
        self.write(rotated, pair.certificate + pair.key, 0o600)
        self.link("/var/lib/kubelet/pki/kubelet-client-current.pem", rotated)
        self.write("/srv/tls/serving.crt", self.pairs["apiserver"].certificate)
        self.write("/srv/tls/serving.key", self.pairs["apiserver"].key, 0o600)
        self.write("/srv/kubelet/client-ca.crt", self.ca.pair.certificate)

    def _keys_of_every_form(self, pki: str) -> None:
        traditional = PrivateFormat.TraditionalOpenSSL
        keys = {
            "rsa-pkcs1": (rsa.generate_private_key(65537, 2048), traditional),
            "rsa-pkcs8": (rsa.generate_private_key(65537, 2048), PrivateFormat.PKCS8),
            "ec-sec1": (ec.generate_private_key(ec.SECP256R1()), traditional),
            "ec-384": (ec.generate_private_key(ec.SECP384R1()), PrivateFormat.PKCS8),
            "ec-521": (ec.generate_private_key(ec.SECP521R1()), traditional),
            "ed25519": (ed25519.Ed25519PrivateKey.generate(), PrivateFormat.PKCS8),
        }
        for name, (key, form) in keys.items():
            self.keys.append(key)
            self.write(f"{pki}/forms/{name}.key", pem(key, form), 0o600)
        locked = BestAvailableEncryption(b"passphrase")
        key = keys["rsa-pkcs8"][0]
        self.write(f"{pki}/forms/locked-pkcs8.key", pem(key, encryption=locked), 0o600)
        self.write(f"{pki}/forms/locked-pkcs1.key", pem(key, traditional, locked), 0o600)
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.write(f"{pki}/sa.pub", public)
        parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
        self.write(f"{pki}/forms/ec-with-parameters.key", parameters + pem(keys["ec-sec1"][0], traditional))
        crlf = pem(keys["ed25519"][0]).replace(b"\n", b"\r\n")
        self.write(f"{pki}/forms/windows.key", crlf)

    def _odd_files(self, pki: str) -> None:
        certificate, key = self.pairs["apiserver"].certificate, self.pairs["apiserver"].key
        self.write(f"{pki}/odd/switched.crt", key)
        self.write(
            f"{pki}/odd/combined.pem", b"Bag Attributes\n    friendlyName: x\n" + certificate + key + certificate
        )
        self.write(f"{pki}/odd/truncated-then-key.pem", certificate[:300] + b"\n" + key)
        self.write(f"{pki}/odd/key-truncated.key", key[:120])
        self.write(f"{pki}/odd/key-malformed.key", key.replace(b"\nM", b"\nA"))
        self.write(f"{pki}/odd/twice.key", base64.b64encode(key))
        self.write(f"{pki}/odd/page.crt", "<html><body>404</body></html>")
        self.write(f"{pki}/odd/empty.crt", "")
        self.write(f"{pki}/odd/nonsense.key", CANARIES["base64 key"])
        self.write(f"{pki}/odd/binary.crt", x509.load_pem_x509_certificate(certificate).public_bytes(Encoding.DER))
        binary_key = self.keys[0].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self.write(f"{pki}/odd/binary.key", binary_key)
        self._misplaced(f"{pki}/odd", certificate, key)
        self.link(f"{pki}/odd/nowhere.crt", "missing.crt")
        self.link(f"{pki}/odd/relative.crt", "../ca.crt")

    def _misplaced(self, folder: str, certificate: bytes, key: bytes) -> None:
        """Blocks that are whole, and that Kubernetes passes over or not for what stands beside them."""
        for name, block in (("crt", certificate), ("key", key)):
            lines = block.splitlines(keepends=True)
            self.write(f"{folder}/marked.{name}", b"\xef\xbb\xbf" + block)
            self.write(f"{folder}/prefixed.{name}", b"ca: " + block)
            self.write(f"{folder}/indented.{name}", b"".join(b"  " + line for line in lines))
            self.write(f"{folder}/suffixed.{name}", block.rstrip() + b" #\n")
            self.write(f"{folder}/spaces.{name}", b"".join(line.rstrip() + b"  \n" for line in lines))
            self.write(f"{folder}/one-line.{name}", block.replace(b"\n", b"") + b"\n" + certificate)
            self.write(
                f"{folder}/long-line.{name}", lines[0] + b"".join(lines[1:-1]).replace(b"\n", b"") + b"\n" + lines[-1]
            )
        lines = certificate.splitlines(keepends=True)
        self.write(f"{folder}/headed.crt", lines[0] + b"Proc-Type: Qm7canary\n\n" + b"".join(lines[1:]))
        self.write(f"{folder}/interrupted.crt", b"".join((*lines[:3], b"- Qm7canary\n", *lines[3:])))
        self.write(f"{folder}/labelled.crt", certificate.replace(b"CERTIFICATE", b"X509 CERTIFICATE"))

    def _kubeconfigs(self) -> None:
        pair = self.ca.issue("kubernetes-admin", ("system:masters",))
        encoded = {
            name: base64.b64encode(data).decode()
            for name, data in (("ca", self.ca.pair.certificate), ("certificate", pair.certificate), ("key", pair.key))
        }
        self.write("/etc/kubernetes/admin.conf", self.kubeconfig(
            f"certificate-authority-data: {encoded['ca']}",
            f"client-certificate-data: {encoded['certificate']}", f"client-key-data: {encoded['key']}",
        ), 0o600)  # fmt: skip
        current = "/var/lib/kubelet/pki/kubelet-client-current.pem"
        self.write("/etc/kubernetes/kubelet.conf", self.kubeconfig(
            f"certificate-authority-data: {encoded['ca']}", f"client-certificate: {current}", f"client-key: {current}",
        ), 0o600)  # fmt: skip
        self.write("/etc/kubernetes/plugin.conf", PLUGIN.format_map(CANARIES), 0o600)
        token = f'    token: "{CANARIES["CNI token"]}"\n'
        self.write(
            "/etc/cni/net.d/calico-kubeconfig", f"apiVersion: v1\nkind: Config\nusers:\n- name: c\n  user:\n{token}"
        )

    @staticmethod
    def kubeconfig(authority: str, *user: str) -> str:
        credentials = "".join(f"    {line}\n" for line in user)
        return (
            "apiVersion: v1\nclusters:\n- cluster:\n"
            f"    {authority}\n    server: https://api.example:6443\n  name: kubernetes\n"
            "contexts:\n- context:\n    cluster: kubernetes\n    user: admin\n  name: admin@kubernetes\n"
            "current-context: admin@kubernetes\nkind: Config\npreferences: {}\n"
            f"users:\n- name: admin\n  user:\n{credentials}"
        )

    def _configuration(self) -> None:
        self.write("/etc/kubernetes/manifests/kube-apiserver.yaml", MANIFEST.format_map(CANARIES), 0o600)
        self.write("/etc/kubernetes/manifests/etcd.yaml", ETCD_MANIFEST, 0o600)
        self.write("/etc/kubernetes/enc/encryption.yaml", ENCRYPTION.format_map(CANARIES), 0o600)
        self.write(
            "/etc/kubernetes/audit/policy.yaml", "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: None\n"
        )
        self.write("/etc/kubernetes/admission/config.yaml", ADMISSION)
        self.write("/etc/kubernetes/admission/pod-security.yaml", POD_SECURITY)
        self.write("/srv/limits/rates.json", '{"kind": "Configuration", "limits": []}\n')
        self.write("/etc/kubernetes/tokens.csv", f"{CANARIES['static token file']},admin,1\n", 0o600)
        self.write("/var/lib/kubelet/config.yaml", KUBELET)
        arguments = f'KUBELET_KUBEADM_ARGS="--x=y --cloud-token={CANARIES["kubelet environment"]}"\n'
        self.write("/var/lib/kubelet/kubeadm-flags.env", arguments)
        self.write("/etc/rancher/k3s/config.yaml", f'token: {CANARIES["k3s token"]}\nwrite-kubeconfig-mode: "0644"\n')
        self.write("/etc/cni/net.d/10-net.conflist", '{"name": "net", "cniVersion": "1.0.0", "plugins": []}\n')
        (self.root / "data/etcd").mkdir(parents=True)
        (self.root / "data/etcd").chmod(0o700)

    def _logs(self) -> None:
        folder = "/var/log/pods/kube-system_kube-apiserver-cp-1_0123/kube-apiserver"
        lines = "".join(f"line {number}\n" for number in range(1000))
        self.write(f"{folder}/0.log", lines + LOG.format_map({**CANARIES, "jwt": JWT}), 0o640)
        self.link(f"{folder}/1.log", "/var/lib/docker/containers/c/c-json.log")
        self.write("/var/lib/docker/containers/c/c-json.log", '{"log":"started\\n","stream":"stderr"}\n')
