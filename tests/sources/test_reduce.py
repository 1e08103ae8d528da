from __future__ import annotations

import base64
import copy
import json

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from k8srun.pem import read_pem
from k8srun.scrub import scrub
from k8srun.secretnames import looks_secret
from k8srun.sources.reduce import reduce_object
from k8srun.sources.secretvalues import reduce_secret_data, token_claims
from tests.canaries import Canaries, encoded, leaks, log_lines, planted

# --- nothing gets through -----------------------------------------------------------------------------------------


def test_the_canaries_are_found_where_nothing_reduces_them():
    objects, canaries = planted()
    assert set(leaks(json.dumps(objects), canaries)) == set(canaries.planted.values())


def test_no_canary_comes_through_the_reduction():
    objects, canaries = planted()
    assert leaks(json.dumps([reduce_object(item) for item in objects]), canaries) == []


def test_no_canary_comes_through_the_reduction_of_a_log():
    canaries = Canaries()
    text = log_lines(canaries)
    assert leaks(text, canaries)
    assert leaks(scrub(text), canaries) == []


def test_what_was_reduced_once_stays_as_it_is():
    once = [reduce_object(item) for item in planted()[0]]
    assert [reduce_object(copy.deepcopy(item)) for item in once] == once


def test_the_object_is_reduced_in_place():
    pod = {"kind": "Pod", "spec": {"containers": [{"env": [{"name": "TOKEN", "value": "hunter2"}]}]}}
    assert reduce_object(pod) is pod
    assert pod["spec"]["containers"][0]["env"][0]["value"] == "<reduced: 7 characters>"


# --- Secrets ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pair():
    """A self-signed certificate and its key, PEM."""
    from datetime import UTC, datetime, timedelta

    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web")])
    now = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    return (
        certificate.public_bytes(pem).decode(),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
    )


def test_a_tls_secret_keeps_its_certificate_and_of_its_key_the_hash_that_tells_whether_they_belong_together(pair):
    certificate, key = pair
    data = reduce_secret_data("kubernetes.io/tls", {"tls.crt": encoded(certificate), "tls.key": encoded(key)})
    (public,), (private,) = data["tls.crt"]["blocks"], data["tls.key"]["blocks"]
    assert data["tls.crt"]["type"] == data["tls.key"]["type"] == "pem"
    assert base64.b64decode(public["der"]) == read_pem(certificate.encode())[0].der
    assert (private["label"], private["der"]) == ("PRIVATE KEY", "")
    assert private["public_key_sha256"] == public["public_key_sha256"] != ""


def test_a_tls_secret_without_pem_says_what_is_wrong():
    data = reduce_secret_data("kubernetes.io/tls", {"tls.crt": encoded("<html>"), "tls.key": ""})
    assert "HTML" in data["tls.crt"]["blocks"][0]["error"]
    assert data["tls.key"]["blocks"][0]["error"] == "empty"


def test_pem_is_recognised_in_a_secret_of_any_type(pair):
    assert reduce_secret_data("Opaque", {"ca": encoded(pair[0])})["ca"]["type"] == "pem"


def test_a_docker_configuration_becomes_its_registries_in_their_order():
    config = {"auths": {
        "https://index.docker.io/v1/": {"auth": encoded("user:password")},
        "registry.example.com:5000": {"username": "u", "password": "p"},
        "empty.example.com": {},
        "broken.example.com": {"auth": "hunter2!"},
    }}  # fmt: skip
    value = reduce_secret_data(
        "kubernetes.io/dockerconfigjson", {".dockerconfigjson": encoded(json.dumps(config))}
    )[".dockerconfigjson"]  # fmt: skip
    assert value["type"] == "registries"
    assert [(item["host"], item["username"], item["has_auth"]) for item in value["registries"]] == [
        ("https://index.docker.io/v1/", True, True),
        ("registry.example.com:5000", True, True),
        ("empty.example.com", False, False),
        ("broken.example.com", False, False),
    ]
    assert "not base64" in value["registries"][3]["error"]


def test_the_old_docker_configuration_has_no_auths_around_it():
    value = reduce_secret_data(
        "kubernetes.io/dockercfg", {".dockercfg": encoded('{"r.example.com": {"auth": "dTpw"}}')}
    )
    assert value[".dockercfg"]["registries"] == [{"host": "r.example.com", "username": True, "has_auth": True}]


@pytest.mark.parametrize("text", ["hunter2", "[]", '{"auths": 1}', "[" * 100_000])
def test_a_malformed_docker_configuration_is_an_error_not_an_empty_one(text):
    value = reduce_secret_data("kubernetes.io/dockerconfigjson", {".dockerconfigjson": encoded(text)})
    assert value[".dockerconfigjson"]["registries"] == []
    assert value[".dockerconfigjson"]["error"]
    assert "hunter2" not in str(value)


def test_a_service_account_token_becomes_its_claims():
    claims = {"iss": "kubernetes/serviceaccount", "sub": "system:serviceaccount:a:b", "email": "a@example.com",
              "kubernetes.io/serviceaccount/secret.name": "b-token", "kubernetes.io": {"namespace": "a"}}  # fmt: skip
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    data = reduce_secret_data(
        "kubernetes.io/service-account-token", {"token": encoded(f"h.{body}.s"), "namespace": encoded("a")}
    )
    del claims["email"]
    assert data["token"]["claims"] == claims
    assert data["namespace"]["text"] == "a"


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "a.!.c", "a.W10.c", "h.e30.s.x"])
def test_what_is_no_token_is_an_error_that_does_not_show_it(token):
    with pytest.raises(ValueError, match="not a JWT"):
        token_claims(token)


def test_an_opaque_value_leaves_its_size_and_no_hash():
    assert reduce_secret_data("Opaque", {"password": encoded("hunter2")}) == {
        "password": {"type": "opaque", "bytes": 7}
    }


def test_string_data_is_written_into_data_as_the_server_does():
    secret = reduce_object({"kind": "Secret", "data": {"a": encoded("x")}, "stringData": {"a": "yyyy", "b": "z"}})
    assert secret["data"] == {"a": {"type": "opaque", "bytes": 4}, "b": {"type": "opaque", "bytes": 1}}
    assert "stringData" not in secret


@pytest.mark.parametrize("value", [
    {"type": "pem", "blocks": 5}, {"type": "pem", "blocks": [{"label": 5}]}, {"type": "registries", "registries": [{}]},
    {"type": "token", "claims": "x"}, {"type": "text", "text": 5}, {"type": "opaque", "bytes": "many"},
])  # fmt: skip
def test_what_only_looks_like_a_reduced_value_is_malformed(value):
    reduced = reduce_object({"kind": "Secret", "data": {"a": value}})["data"]["a"]
    assert reduced == {"type": "malformed", "error": "not the reduced form of a value"}


@pytest.mark.parametrize(("value", "error"), [("hunter2!", "not valid base64"), (7, "not a string")])
def test_data_that_is_not_base64_is_malformed(value, error):
    assert reduce_secret_data("Opaque", {"a": value}) == {"a": {"type": "malformed", "error": error}}


def test_base64_with_line_breaks_is_read_as_the_server_reads_it():
    assert reduce_secret_data("Opaque", {"a": "aHVu\ndGVy\nMg=="})["a"] == {"type": "opaque", "bytes": 7}


def test_a_bootstrap_token_keeps_what_is_public_of_it():
    data = reduce_secret_data(
        "bootstrap.kubernetes.io/token", {"expiration": encoded("2026-01-01T00:00:00Z"), "token-secret": encoded("x")}
    )
    assert data["expiration"]["text"] == "2026-01-01T00:00:00Z"
    assert data["token-secret"] == {"type": "opaque", "bytes": 1}


# --- what must stay -----------------------------------------------------------------------------------------------


def test_managed_fields_keep_who_how_and_when():
    entry = {"manager": "helm", "operation": "Apply", "apiVersion": "v1", "time": "2026-01-01T00:00:00Z"}
    pod = reduce_object({"kind": "Pod", "metadata": {"managedFields": [{**entry, "fieldsV1": {"f:x": {}}}]}})
    assert pod["metadata"]["managedFields"] == [entry]


def test_annotations_that_repeat_the_object_are_dropped_and_others_kept():
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "kapp.k14s.io/original-diff-md5": "x",
        "meta.helm.sh/release-name": "shop",
        "nginx.ingress.kubernetes.io/auth-tls-secret": "shop/ca",
    }
    ingress = reduce_object({"kind": "Ingress", "metadata": {"annotations": annotations}})
    assert list(ingress["metadata"]["annotations"].values()) == ["shop", "shop/ca"]


@pytest.mark.parametrize("flag", [
    "--anonymous-auth=false", "--authorization-mode=Node,RBAC", "--client-ca-file=/etc/kubernetes/pki/ca.crt",
    "--enable-bootstrap-token-auth=true", "--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key",
    "--kubelet-client-key=/etc/kubernetes/pki/apiserver-kubelet-client.key", "--token-auth-file=/etc/tokens.csv",
    "--service-account-key-file=/etc/kubernetes/pki/sa.pub", "--service-account-issuer=https://kubernetes.default.svc",
    "--service-account-signing-key-file=/etc/kubernetes/pki/sa.key", "--service-account-lookup=true",
    "--service-account-extend-token-expiration=false", "--service-account-max-token-expiration=1h",
    "--authentication-token-webhook-cache-ttl=2m0s", "--authentication-token-webhook=true",
    "--use-service-account-credentials=true", "--concurrent-serviceaccount-token-syncs=5", "--client-cert-auth=true",
    "--authentication-kubeconfig=/etc/kubernetes/scheduler.conf", "--tls-private-key-file=/x/key",
    "--authentication-config=/etc/kubernetes/authn.yaml", "--authorization-config=/etc/kubernetes/authz.yaml",
    "--encryption-provider-config=/etc/kubernetes/enc.yaml", "--tls-key=/tls/tls.key", "--password=$(DB_PASSWORD)",
    "--image-credential-provider-config=/etc/kubernetes/providers.yaml", "--secret-name=web-tls", "--token-ttl=24h",
])  # fmt: skip
def test_flags_that_checks_read_stay(flag):
    assert reduce_object({"spec": {"containers": [{"command": ["kube-apiserver", flag]}]}}) == {
        "spec": {"containers": [{"command": ["kube-apiserver", flag]}]}
    }


def test_public_fields_of_a_cluster_stay(pair):
    bundle = encoded(pair[0])
    objects = [
        {"kind": "ValidatingWebhookConfiguration", "webhooks": [{"name": "a", "clientConfig": {"caBundle": bundle}}]},
        {"kind": "CertificateSigningRequest", "spec": {"request": bundle, "extra": {
            "authentication.kubernetes.io/credential-id": ["JTI=7f3"]}}, "status": {"certificate": bundle}},
        {"kind": "ConfigMap", "data": {"ca.crt": pair[0], "token-ca": pair[0], "client-ca-file": pair[0]}},
        {"kind": "Pod", "spec": {"tolerations": [{"key": "dedicated", "value": "token"}], "volumes": [
            {"name": "t", "secret": {"secretName": "web"}},
            {"name": "p", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}], "containers": [
            {"name": "a", "env": [{"name": "P", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                                  {"name": "TOKEN_PATH", "value": "/var/run/token"},
                                  {"name": "PASSWORD_FILE", "value": "/run/secrets/db"},
                                  {"name": "AUTH_MODE", "value": "oidc"}]}]}},
        {"kind": "Secret", "metadata": {"labels": {"kubernetes.io/legacy-token-last-used": "2026-01-01"}}, "data": {}},
        {"kind": "NetworkPolicy", "spec": {"podSelector": {"matchLabels": {"auth": "required", "token": "yes-it-is"}}}},
        {"kind": "ClusterRole", "rules": [{"resources": ["secrets", "serviceaccounts/token"], "verbs": ["get"]}]},
        {"kind": "ServiceAccount", "secrets": [{"name": "x-token-abc"}], "imagePullSecrets": [{"name": "pull"}],
         "automountServiceAccountToken": False},
        {"kind": "CustomResourceDefinition", "spec": {"schema": {"properties": {
            "password": {"type": "string", "description": "The password."}}, "required": ["password"]}}},
    ]  # fmt: skip
    for item in objects:
        assert reduce_object(copy.deepcopy(item)) == item


def test_a_secret_within_another_object_is_reduced_like_any_other():
    inner = {
        "kind": "Secret",
        "metadata": {"annotations": {"kapp.k14s.io/original": "x"}},
        "data": {"a": encoded("hunter2")},
    }
    reduced = reduce_object({"kind": "Template", "objects": [inner, {"kind": "Secret", "name": "a-reference"}]})
    assert reduced["objects"] == [
        {"kind": "Secret", "metadata": {"annotations": {}}, "data": {"a": {"type": "opaque", "bytes": 7}}},
        {"kind": "Secret", "name": "a-reference"},
    ]


def test_the_value_of_a_taint_and_of_its_toleration_stay_what_they_are_matched_by():
    for matched in ({"key": "example.com/token", "value": "gpu", "effect": "NoSchedule"},
                    {"key": "example.com/token", "operator": "Equal", "value": "gpu"}):  # fmt: skip
        assert reduce_object({"spec": {"x": [dict(matched)]}})["spec"]["x"] == [matched]
    assert reduce_object({"env": [{"key": "TOKEN", "value": "gpu"}]})["env"][0]["value"] == "<reduced: 3 characters>"


@pytest.mark.parametrize("arguments", [
    ["redis-cli", "-a", "hunter2"], ["docker", "login", "-u", "x", "-p", "hunter2"],
    ["/usr/bin/sshpass", "-p", "hunter2"],
])  # fmt: skip
def test_a_password_is_known_by_the_program_that_takes_it(arguments):
    reduced = reduce_object({"args": arguments})["args"]
    assert reduced == [*arguments[:-1], "<reduced: 7 characters>"]


def test_a_kubeconfig_in_a_config_map_keeps_its_certificates(pair):
    text = (
        f"users:\n- user:\n    client-certificate-data: {encoded(pair[0])}\n    client-key-data: {encoded(pair[1])}\n"
    )
    reduced = reduce_object({"kind": "ConfigMap", "data": {"kubeconfig": text}})["data"]["kubeconfig"]
    assert encoded(pair[0]) in reduced
    assert encoded(pair[1]) not in reduced


def test_an_encryption_configuration_keeps_its_providers_and_the_names_of_its_keys():
    providers = [{"aescbc": {"keys": [{"name": "key1", "secret": "c2VjcmV0"}]}}, {"identity": {}}]
    reduced = reduce_object({"kind": "EncryptionConfiguration", "resources": [{"providers": providers}]})
    first, second = reduced["resources"][0]["providers"]
    assert first["aescbc"]["keys"] == [{"name": "key1", "secret": "<reduced: 8 characters>"}]
    assert second == {"identity": {}}


@pytest.mark.parametrize("text", [
    "x509: certificate signed by unknown authority",
    "tls: private key does not match public key",
    "couldn't find key password in Secret shop/db",
    'MountVolume.SetUp failed for volume "t": secret "web-tls" not found',
    'failed to fetch anonymous token: unexpected status from GET request to "https://auth.example.com/token?a=x": 401',
    '"Failed to mount" err="timeout" pod="shop/web" secret="shop/web-tls"',
    "basic authentication is disabled; bearer authentication required",
    'Get "https://10.0.0.1:6443/api/v1/nodes?limit=500": dial tcp 10.0.0.1:6443: connect: connection refused',
    "docker-pullable://registry.example.com/team/image@sha256:0123456789abcdef",
    "http://proxy.example.com:3128/path@version",
    "authentication:\n  anonymous:\n    enabled: false\n  webhook: {}\nauthorization:\n  mode: Webhook\n",
    "key: node-role.kubernetes.io/control-plane\noperator: Exists",
    "volumes:\n- secret:\n    secretName: web-tls\n",
    "keyJar.service.company.example.com",
    "imagePullSecrets:\n- name: regcred\ncontainers:\n- name: web\n",
    "tolerations:\n- key: node-role.kubernetes.io/master\n  value: x\n",
    "couldn't find key api-key in Secret shop/web-tls-2",
    "Back-off pulling image \"registry.example.com/login:1\" -p x",
    '{"kind":"Secret","name":"web-tls","apiVersion":"v1"}',
])  # fmt: skip
def test_what_a_person_needs_to_read_stays(text):
    assert scrub(text) == text


# --- names and patterns -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [
    "PASSWORD", "dbPassword", "MYSQL_ROOT_PASSWORD", "api-key", "API_TOKEN", "clientSecret", "AWS_SECRET_ACCESS_KEY",
    "DATABASE_URL", "spring.datasource.password",
])  # fmt: skip
def test_a_secret_is_known_by_its_name(name):
    assert looks_secret(name)


@pytest.mark.parametrize("name", [
    "", "key", "name", "topologyKey", "author", "AWS_ACCESS_KEY_ID", "secretName", "passive", "tokenReviewTtl",
    "PASSWORD_MIN_LENGTH", "monkey", "replicas", "compass",
])  # fmt: skip
def test_a_harmless_name_is_no_secret(name):
    assert not looks_secret(name)


def test_a_name_that_stands_for_itself_is_judged_more_strictly():
    assert looks_secret("SIGNING_KEY2", whole=True)
    assert looks_secret("KEY", whole=True)
    assert not looks_secret("KEY")


@pytest.mark.parametrize(("text", "expected"), [
    ("postgres://app:hunter2@db/x", "postgres://app:<reduced>@db/x"),
    ("postgres://app:hun@ter/2@db/x", "postgres://app:<reduced>@db/x"),
    ("AKIAABCDEFGHIJKLMNOP", "<reduced: token>"),
    ("a=1&access_token=hunter2&b=2", "a=1&access_token=<reduced: 7 characters>&b=2"),
    ("create --from-literal=password=hunter2", "create --from-literal=password=<reduced: 7 characters>"),
    ('{"password":"hun\\"ter2","a":1}', '{"password":"<reduced: 9 characters>","a":1}'),
    ('{"token": 1234, "a": 1}', '{"token": <reduced: 4 characters>, "a": 1}'),
    ("password: >-\n  hunter2\n  hunter3\nuser: x", "password: <reduced: 22 characters>\nuser: x"),
    ("-----BEGIN RSA PRIVATE KEY-----\nabc", "<reduced: private key>"),
    ("a -----BEGIN EC PRIVATE KEY-----\\nabc\\n-----END EC PRIVATE KEY----- b", "a <reduced: private key> b"),
    ("Authorization: Basic dTpw", "Authorization: <reduced: 10 characters>"),
    ("mysqldump -uroot -phunter2 db", "mysqldump -uroot -p<reduced: 7 characters> db"),
    ("docker run -u 1000:1000 x", "docker run -u 1000:1000 x"),
    ("{password: hunter2, user: x}", "{password: <reduced: 7 characters>, user: x}"),
    ("login failed, password: hunter2, retrying", "login failed, password: <reduced: 7 characters>, retrying"),
    ("bad user or password: authentication failed", "bad user or password: authentication failed"),
    ("login --token hunter2 now", "login --token <reduced: 7 characters> now"),
    ("env:\n- name: DB_PASSWORD\n  value: hunter2\n", "env:\n- name: DB_PASSWORD\n  value: <reduced: 7 characters>\n"),
    ('{"name":"KEY","value":"hunter2"}', '{"name":"KEY","value":"<reduced: 7 characters>"}'),
    ('<property name="password" value="hunter2"/>', '<property name="password" value="<reduced: 7 characters>"/>'),
    ("<password>hunter2</password>", "<password><reduced: 7 characters></password>"),
    ('["server","--token","hunter2"]', '["server","--token","<reduced: 7 characters>"]'),
    ("args:\n- --token\n- hunter2\n", "args:\n- --token\n- <reduced: 7 characters>\n"),
    ("passwords:\n  - hunter2\n  - hunter3\nuser: x", "passwords:<reduced: 24 characters>\nuser: x"),
    ("curl -H 'X-Api-Key: hunter2' x", "curl -H 'X-Api-Key: <reduced: 7 characters>' x"),
    ("requirepass hunter2\nmaxclients 10", "requirepass <reduced: 7 characters>\nmaxclients 10"),
    ("machine x login y password hunter2", "machine x login y password <reduced: 7 characters>"),
    ("redis-cli -h db -a hunter2 ping", "redis-cli -h db -a <reduced: 7 characters> ping"),
    ("docker login -u x -p hunter2 r", "docker login -u x -p <reduced: 7 characters> r"),
    ("docker run -p 80:8080 x", "docker run -p 80:8080 x"),
    ("openssl rsa -passin pass:hunter2", "openssl rsa -passin <reduced: 12 characters>"),
    ("https://discord.com/api/webhooks/1/hunter2", "https://discord.com/api/webhooks/<reduced: token>"),
    ("https://x/blob?se=1&sig=hunter2hunter2&a=b", "https://x/blob?se=1&sig=<reduced: token>&a=b"),
    ("kind: Secret\ndata:\n  greeting: aHVudGVyMg==\na: b", "kind: Secret\ndata: <reduced: 25 characters>\na: b"),
    ('{"kind":"Secret","data":{"greeting":"aHVudGVyMg=="}}', '{"kind":"Secret","data":"<reduced: 27 characters>"}'),
    ("release: H4sIAAAAAAAAAAAAhunter2hunter2", "release: <reduced: 30 characters>"),
    (encoded("apiVersion: v1\nusers: [{user: {token: x}}]\n"), "<reduced: 60 characters>"),
    (f"blob {encoded('-----BEGIN EC PRIVATE KEY-----')} end", "blob <reduced: private key> end"),
    (f"blob {encoded('-----BEGIN CERTIFICATE-----')} end", f"blob {encoded('-----BEGIN CERTIFICATE-----')} end"),
])  # fmt: skip
def test_a_pattern_takes_the_secret_and_leaves_the_rest(text, expected):
    assert scrub(text) == expected


_FRAGMENTS = st.lists(
    st.sampled_from([
        "password", "token", "secret", "=", ": ", '"', "'", "\\", "\n", "  ", "- ", "hunter2", "|", ">", "{", "}", ",",
        "Bearer ", "Basic ", "abcdefghIJ12", "://", "user", ":", "@", "host", "--", "eyJhbGciOiJSUzI1NiJ9.", "xoxb-",
        "-----BEGIN PRIVATE KEY-----", "x", " ", "/etc/x", "$(A)", "key", "name", "Authorization: ", "mysql -p",
        "&", "<reduced", "curl -u ", "name: ", "value: ", "--token", ">", "</", "<", "data:\n", "stringData",
        "kind: Secret", "?sig=", "H4sI", "redis-cli -a ", "login -p ", '", "', "requirepass ", "X-Api-Key: ",
    ]), max_size=12,
)  # fmt: skip


@given(_FRAGMENTS)
def test_a_text_that_was_scrubbed_stays_as_it_is(fragments):
    once = scrub("".join(fragments))
    assert scrub(once) == once


@pytest.mark.parametrize(
    "unit",
    [
        "eyJa.",
        "password='p=\"",
        "://a:",
        "pass",
        "password: |\n ",
        "mysql -",
        "{password: ",
        '\\"',
        "token:\n- ",
        "login -p",
        "name: key\n",
        "--token\n",
        "<token>",
        "\n a b password ",
        "kind: Secret data:\n ",
        'stringData":{',
        "?sig=",
        "a passwd",
    ],
)
def test_a_hostile_megabyte_is_scrubbed_at_all(unit):
    assert scrub(unit * (1_000_000 // len(unit)))


def test_an_object_nested_beyond_measure_is_cut_rather_than_overflowing():
    innermost = deep = {}
    for _ in range(900):
        innermost["a"] = innermost = {}
    innermost["a"] = "hunter2"
    assert "nested too deep" in json.dumps(reduce_object(deep))


_NAMES = ("kind", "metadata", "data", "stringData", "name", "value", "args", "labels", "password", "env", "annotations",
          "managedFields", "binaryData")  # fmt: skip
_SHAPES = st.recursive(
    st.sampled_from([None, True, 7, "", "hunter2", "aHVudGVyMg==", "opaque", "--token"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["Pod", "Secret", "ConfigMap"]), st.dictionaries(st.sampled_from(_NAMES), _SHAPES, max_size=4))
def test_no_shape_of_object_makes_it_fail(kind, fields):
    once = reduce_object({**fields, "kind": kind})
    assert reduce_object(copy.deepcopy(once)) == once
