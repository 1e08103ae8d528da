"""Secrets that must never come out: one unique string in every field of a cluster that holds secrets.

`planted()` gives the objects and the canaries in them; `leaks(output, canaries)` says which of them an output holds, as
they are or in base64 at any offset.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass
class Canaries:
    """The canaries made so far, each with the field that it was planted in."""

    planted: dict[str, str] = field(default_factory=dict)

    def new(self, where: str) -> str:
        """A secret as people choose them: letters and digits, unlike anything else."""
        canary = f"Canary{len(self.planted)}{secrets.token_hex(8)}Zq7"
        self.planted[canary] = where
        return canary

    def private_key(self, where: str) -> str:
        """A real private key in PEM, whose lines are the canaries."""
        pem = (
            ec.generate_private_key(ec.SECP256R1())
            .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            .decode()
        )
        for line in pem.splitlines()[1:-1]:
            # The head of PKCS#8 is the same for all keys, and the tail of the last line may be short.
            self.planted[line[-40:]] = where
        return pem

    def jwt(self, where: str) -> str:
        """A token with a signature; its claims may be known, its signature may not."""
        signature = self.new(where)
        claims = {"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:shop:web", "exp": 4102444800}
        return ".".join([_base64url(json.dumps({"alg": "RS256"})), _base64url(json.dumps(claims)), signature])


def leaks(output: str | bytes, canaries: Canaries) -> list[str]:
    """Where the canaries that an output holds were planted."""
    data = output.encode() if isinstance(output, str) else output
    return sorted({where for canary, where in canaries.planted.items() if any(form in data for form in _forms(canary))})


def _forms(canary: str) -> list[bytes]:
    """A string as it is and as base64 shows it, once or twice encoded, at each of the three offsets it may have."""
    raw = canary.encode()
    once = [_at_offset(raw, offset) for offset in range(3)]
    return [raw, *once, *(_at_offset(form, offset) for form in once for offset in range(3))]


def _at_offset(raw: bytes, offset: int) -> bytes:
    """The middle of the base64 of something that holds `raw` after `offset` bytes: what does not depend on the rest."""
    encoded = base64.b64encode(b"\0" * offset + raw)
    return encoded[4 if offset else 0 : len(encoded) // 4 * 4 - 4]


def _base64url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def encoded(text: str) -> str:
    """Base64, as the `data` of a Secret holds it."""
    return base64.b64encode(text.encode()).decode()


def planted() -> tuple[list[dict[str, Any]], Canaries]:
    """API objects with a canary in every field that holds secrets, and the canaries."""
    canaries = Canaries()
    return [*_secrets(canaries), *_workloads(canaries), *_configuration(canaries), *_others(canaries)], canaries


def _object(kind: str, name: str, /, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop", **fields.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def _secrets(canaries: Canaries) -> list[dict[str, Any]]:
    new = canaries.new
    applied = json.dumps({"kind": "Secret", "stringData": {"password": new("last-applied annotation")}})
    docker = {
        "auths": {"registry.example.com": {
            "username": "robot", "password": new("dockerconfigjson password"),
            "auth": encoded(f"robot:{new('dockerconfigjson auth')}"), "identitytoken": new("identity token"),
        }}
    }  # fmt: skip
    return [
        _object("Secret", "opaque", type="Opaque", data={"password": encoded(new("Secret data"))},
                stringData={"other": new("Secret stringData")},
                metadata={"annotations": {"kubectl.kubernetes.io/last-applied-configuration": applied}}),
        _object("Secret", "tls", type="kubernetes.io/tls",
                data={"tls.crt": encoded("no certificate"), "tls.key": encoded(canaries.private_key("tls.key"))}),
        _object("Secret", "swapped", type="kubernetes.io/tls",
                data={"tls.crt": encoded(canaries.private_key("a key in tls.crt")), "tls.key": encoded(new("no PEM"))}),
        _object("Secret", "cut", type="kubernetes.io/tls",
                data={"tls.key": encoded(canaries.private_key("a key that is cut off")[:-30])}),
        _object("Secret", "twice", type="kubernetes.io/tls",
                data={"tls.key": encoded(encoded(canaries.private_key("a key encoded twice")))}),
        _object("Secret", "pgp", data={"key": encoded(
            f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n{new('PGP key')}\n-----END PGP PRIVATE KEY BLOCK-----\n")}),
        _object("Secret", "docker", type="kubernetes.io/dockerconfigjson",
                data={".dockerconfigjson": encoded(json.dumps(docker))}),
        _object("Secret", "docker-broken", type="kubernetes.io/dockerconfigjson",
                data={".dockerconfigjson": encoded(new("malformed dockerconfigjson"))}),
        _object("Secret", "token", type="kubernetes.io/service-account-token",
                data={"token": encoded(canaries.jwt("service account token"))}),
        _object("Secret", "token-broken", type="kubernetes.io/service-account-token",
                data={"token": encoded(new("malformed token"))}),
        _object("Secret", "bootstrap", type="bootstrap.kubernetes.io/token",
                data={"token-id": encoded("abcdef"), "token-secret": encoded(new("bootstrap token"))}),
        _object("Secret", "basic", type="kubernetes.io/basic-auth",
                data={"username": encoded("u"), "password": encoded(new("basic auth"))}),
        _object("Secret", "ssh", type="kubernetes.io/ssh-auth",
                data={"ssh-privatekey": encoded(canaries.private_key("SSH key"))}),
        _object("Secret", "helm", type="helm.sh/release.v1", data={"release": encoded(encoded(new("Helm release")))}),
        _object("Secret", "not-base64", data={"password": f"!{new('data that is not base64')}"}),
        _object("Secret", "not-a-string", data={"password": {"nested": new("data that is not a string")}}),
        _object("Secret", "kubeconfig", data={"value": encoded(kubeconfig(canaries, "kubeconfig in a Secret"))}),
    ]  # fmt: skip


def kubeconfig(canaries: Canaries, where: str) -> str:
    """A kubeconfig as text, with a key, a token and a password in it."""
    key = encoded(canaries.private_key(f"key of a {where}"))
    return (
        "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster: {server: https://10.0.0.1:6443}\nusers:\n"
        f"- name: a\n  user:\n    client-key-data: {key}\n"
        f"- name: b\n  user:\n    token: {canaries.new(f'token of a {where}')}\n"
        f'- name: c\n  user:\n    username: u\n    password: "{canaries.new(f"password of a {where}")}"\n'
    )


def _workloads(canaries: Canaries) -> list[dict[str, Any]]:
    new = canaries.new
    names = (
        *("DB_PASSWORD", "PGPASSWORD", "API_KEY", "AUTH_TOKEN", "CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY"),
        *("DATABASE_URL", "SENTRY_DSN", "SMTP_PASS", "GITHUB_CREDENTIALS", "CONNECTION_STRING", "apiToken"),
        *("DB_CREDS", "ADMIN_PW", "SLACK_WEBHOOK", "BEARER"),
    )
    environment = [{"name": name, "value": new(f"environment variable {name}")} for name in names]
    environment.append({"name": "BROKER", "value": f"amqp://user:{new('URL of a harmless variable')}@mq/"})
    container = {
        "name": "web", "image": "nginx", "env": environment,
        "command": ["sh", "-c", f"export TOKEN={new('script')}; curl -H 'Authorization: Bearer {new('header')}' x"],
        "args": [f"--password={new('flag with =')}", "--token", new("flag and value"),
                 f"--dsn=postgres://u:{new('URL in a flag')}@db/x", f"--api-key={new('flag --api-key')}",
                 "-u", f"admin:{new('user and password')}", "redis-cli", "-a", new("a flag of a program")],
        "livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": f"Basic {new('probe')}"}]}},
    }  # fmt: skip
    template = {"metadata": {"annotations": {"vault.example.com/token": new("annotation")}}}
    hook = {"name": "mysql", "args": ["mysqladmin", "-uroot", f"-p{new('mysql password')}", "ping"]}
    return [
        _object("Pod", "web", spec={"containers": [container], "initContainers": [hook]}),
        _object("Deployment", "web", api_version="apps/v1",
                spec={"template": {**template, "spec": {"containers": [container | {"env": [
                    {"name": "REDIS_PASSWORD", "value": new("environment of a template")}]}]}}}),
        _object("CronJob", "backup", api_version="batch/v1", spec={"jobTemplate": {"spec": {"template": {"spec": {
            "containers": [{"name": "b", "env": [{"name": "S3_SECRET_KEY", "value": new("a CronJob's")}]}]}}}}}),
    ]  # fmt: skip


def _configuration(canaries: Canaries) -> list[dict[str, Any]]:
    new = canaries.new
    properties = (
        f"spring.datasource.password={new('properties')}\n"
        f"url=jdbc:postgresql://db/x?user=u&password={new('JDBC URL')}\n"
        f"# token: {new('comment')}\n"
    )
    document = (
        f"server:\n  auth:\n    password: '{new('YAML value')}'\n    secret: |\n      {new('block scalar')}\n"
        f"      {new('second line of a block scalar')}\n  apiKey: {new('YAML key')}\n"
    )
    manifests = (
        f"kind: Secret\nmetadata: {{name: x}}\ndata:\n  greeting: {encoded(new('data of a manifest in a ConfigMap'))}\n"
        f"stringData:\n  greeting: {new('stringData of a manifest in a ConfigMap')}\n"
        "---\nkind: Pod\nspec:\n  containers:\n"
        f"  - env:\n    - name: TOKEN\n      value: {new('variable of a manifest')}\n"
        f"    args:\n    - --token\n    - {new('flag of a manifest')}\n"
    )
    settings = (
        f"requirepass {new('redis.conf')}\npasswords:\n- {new('list of passwords')}\n"
        f"<password>{new('XML')}</password>\n"
        f"https://x.blob.core.windows.net/c?sp=r&sig={new('signature of a URL')}\n"
        f"https://discord.com/api/webhooks/1/{new('address of a webhook')}\n"
    )
    as_json = json.dumps({"db": {"password": new("JSON value")}, "nested": json.dumps({"token": new("JSON in JSON")})})
    encryption = {
        "resources": [{"resources": ["secrets"], "providers": [
            {"aescbc": {"keys": [{"name": "key1", "secret": encoded(new("encryption key"))}]}}, {"identity": {}}]}]
    }  # fmt: skip
    return [
        _object("ConfigMap", "app", data={
            "application.properties": properties, "config.yaml": document, "config.json": as_json,
            "ADMIN_PASSWORD": new("key of a ConfigMap"),
            "kubeconfig": kubeconfig(canaries, "kubeconfig in a ConfigMap"),
            "encryption.yaml": f"keys:\n- name: key1\n  secret: {encoded(new('encryption key in a ConfigMap'))}\n",
            "manifests.yaml": manifests, "settings.conf": settings,
            "encoded": encoded(kubeconfig(canaries, "kubeconfig in base64")),
            "ca.key": canaries.private_key("key in a ConfigMap"), "bundle.pem": canaries.private_key("bundle"),
        }, binaryData={"keystore.jks": encoded(new("binary data"))}),
        _object("Template", "t", api_version="template.openshift.io/v1",
                objects=[{"kind": "Secret", "data": {"greeting": encoded(new("Secret within a template"))}}]),
        {"apiVersion": "apiserver.config.k8s.io/v1", "kind": "EncryptionConfiguration", **encryption},
        _object("Database", "db", api_version="example.com/v1",
                spec={"password": new("field of a custom resource"), "auth": {"clientSecret": new("nested field")},
                      "tokens": [new("list of a custom resource")]}),
    ]  # fmt: skip


def _others(canaries: Canaries) -> list[dict[str, Any]]:
    new = canaries.new
    github, slack = (f"{prefix}{new(f'{prefix} token')}" for prefix in ("ghp_", "xoxb-"))
    return [
        _object("Event", "e1", message=f'Get "https://u:{new("URL of an event")}@registry/v2/": denied',
                note=f"request with Authorization: Bearer {new('bearer token of an event')} failed"),
        _object("Event", "e2", message=f"pulled with {canaries.jwt('JWT of an event')} and {github} and {slack}"),
        _object("Ingress", "web", api_version="networking.k8s.io/v1",
                metadata={"annotations": {"example.com/basic-auth-password": new("annotation of an Ingress")}}),
        _object("ExternalSecret", "x", api_version="external-secrets.io/v1",
                spec={"target": {"template": {"stringData": {"a": new("stringData of a template")}}}}),
    ]  # fmt: skip


def log_lines(canaries: Canaries) -> str:
    """Lines of a log that should not have been logged."""
    new = canaries.new
    return "\n".join([
        f'I1122 10:00:00 1 flags.go:64] FLAG: --token="{new("flag in a log")}"',
        f"connecting to postgres://app:{new('URL in a log')}@db:5432/app",
        f'{{"level":"info","msg":"login","password":"{new("JSON log")}"}}',
        f"> Authorization: Bearer {new('header in a log')}",
        f"config token={new('key=value in a log')} retries=3",
        canaries.private_key("key in a log"),
    ])  # fmt: skip
