"""CertificateSigningRequests: how they are read, what is called out, and which plans are made of them."""

from __future__ import annotations

import base64
import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from k8srun.certificates.request_plans import decision_plan, issue_plan, request_object, submit_plan
from k8srun.certificates.request_risks import risks
from k8srun.certificates.requests import (
    KUBELET_CLIENT_SIGNER,
    KUBELET_SERVING_SIGNER,
    LEGACY_SIGNER,
    RequestState,
    read_request,
    read_signing_request,
)
from k8srun.certificates.reviews import reviews
from k8srun.errors import InputError, RefusedError
from k8srun.findings import Severity
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST
from k8srun.kinds import NODE as NODE_KIND
from k8srun.pem import read_pem
from k8srun.plan import Action
from k8srun.planfile import plan_text, problems, read_plan
from k8srun.x509 import certificates_of
from tests.certificates import der
from tests.certificates.cluster import Cluster
from tests.certificates.signing import key, request_pem, signing_request

NODE = "system:node:node-1"


def veiled_masters() -> bytes:
    """A request for system:masters beside a name that the library cannot decode, and Go can."""
    pair = key("veiled")
    spki = pair.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    names = (
        der.tlv(der.SET, der.sequence(der.oid(der.ORGANIZATION), der.text("system:masters", der.UTF8))),
        der.tlv(der.SET, der.sequence(der.oid(der.COMMON_NAME), der.text("m\xe9", der.T61))),
    )
    content = der.sequence(der.integer(0), der.sequence(*names), spki, der.tlv(0xA0))
    signature = pair.sign(content, ECDSA(SHA256()))
    whole = der.sequence(content, der.sequence(der.oid("1.2.840.10045.4.3.2")), der.bits(signature))
    body = base64.encodebytes(whole).decode()
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n".encode()


NODES = ["system:nodes"]
BOOTSTRAP = {"by": "system:bootstrap:abcdef", "by_groups": ["system:bootstrappers", "system:authenticated"]}
KUBELET_USAGES = ["digital signature", "client auth"]


def found(item, *others):
    """Id → severity and subject of each risk."""
    request = read_signing_request(item)
    return {risk.id: (risk.severity, risk.subject) for risk in risks(request, map(read_signing_request, others))}


def test_a_group_that_hides_in_a_subject_that_cannot_be_read_is_not_granted():
    item = signing_request("jane", pem=veiled_masters())
    request = read_signing_request(item)
    assert found(item)["unreadable"] == (Severity.CRITICAL, "request")
    with pytest.raises(RefusedError, match="a part of it cannot be read"):
        decision_plan(request, risks(request), cluster="uid")
    assert decision_plan(request, risks(request), cluster="uid", allow={"request"}).steps


def test_a_request_is_read_with_who_asks_and_for_whom():
    request = read_signing_request(signing_request("jane", ["developers", "auditors"], by="mara", seconds=7200))
    assert (request.username, request.user, request.for_groups) == ("mara", "jane", ("developers", "auditors"))
    assert (request.usages, request.expiration_seconds, request.state) == (("client auth",), 7200, RequestState.PENDING)
    assert request.request.key_type == "EC secp256r1"


@pytest.mark.parametrize(
    ("conditions", "certificate", "state"),
    [
        ([], "", RequestState.PENDING),
        (["Approved"], "", RequestState.APPROVED),
        (["Approved"], "eHh4", RequestState.ISSUED),
        (["Denied"], "", RequestState.DENIED),
        (["Approved", "Denied"], "", RequestState.DENIED),
        (["Approved", "Failed"], "", RequestState.FAILED),
    ],
)
def test_what_became_of_a_request_is_told_by_its_conditions(conditions, certificate, state):
    item = signing_request("jane")
    item["status"] = {"conditions": [{"type": kind, "status": "True"} for kind in conditions]}
    if certificate:
        item["status"]["certificate"] = certificate
    assert read_signing_request(item).state is state


def test_an_ordinary_request_of_ones_own_has_no_risk():
    assert found(signing_request("jane", ["developers"])) == {}


@pytest.mark.parametrize(
    ("item", "risk", "severity", "subject"),
    [
        (signing_request("jane", ["system:masters"]), "masters", Severity.CRITICAL, "system:masters"),
        (signing_request("jane", ["a", "kubeadm:cluster-admins"]), "masters", Severity.CRITICAL,
         "kubeadm:cluster-admins"),
        (signing_request("system:kube-controller-manager"), "mighty-user", Severity.CRITICAL,
         "system:kube-controller-manager"),
        (signing_request("system:serviceaccount:kube-system:x"), "system-user", Severity.CRITICAL,
         "system:serviceaccount:kube-system:x"),
        (signing_request("system:kube-scheduler"), "system-user", Severity.HIGH, "system:kube-scheduler"),
        (signing_request("jane", ["system:node-proxier"]), "system-group", Severity.HIGH, "system:node-proxier"),
        (signing_request(NODE, NODES, by="eve", signer=KUBELET_CLIENT_SIGNER), "node", Severity.HIGH, NODE),
        (signing_request(NODE, NODES), "node", Severity.HIGH, NODE),
        (signing_request("jane", NODES), "node", Severity.HIGH, "jane"),
        (signing_request("jane", by="eve"), "other-subject", Severity.MEDIUM, "jane"),
        (signing_request("jane", by="root", by_groups=["system:masters"]), "other-subject", Severity.LOW, "jane"),
        (signing_request("", ["developers"], by="eve"), "no-user", Severity.MEDIUM, "CN"),
        (signing_request("jane", signer=LEGACY_SIGNER), "signer", Severity.HIGH, LEGACY_SIGNER),
        (signing_request("jane", signer="example.com/x"), "signer", Severity.LOW, "example.com/x"),
        (signing_request("jane", usages=["client auth", "server auth"]), "usages", Severity.MEDIUM, "server auth"),
        (signing_request("jane", usages=["client auth", "cert sign"]), "usages", Severity.HIGH, "cert sign"),
        (signing_request("jane", usages=["digital signature"]), "usages", Severity.LOW, "client auth"),
        (signing_request("jane", seconds=None), "lifetime", Severity.MEDIUM, "expirationSeconds"),
        (signing_request("jane", seconds=10 * 365 * 86400), "lifetime", Severity.LOW, "expirationSeconds"),
        (signing_request("jane", sans=[x509.DNSName("kubernetes.default.svc")]), "names", Severity.MEDIUM,
         "kubernetes.default.svc"),
        (signing_request("jane", authority=x509.BasicConstraints(ca=True, path_length=None)), "authority",
         Severity.HIGH, "CA"),
    ],
    ids=lambda value: value if isinstance(value, str) and "-" in value else None,
)  # fmt: skip
def test_what_is_unusual_is_called_out_with_its_severity_and_its_name(item, risk, severity, subject):
    assert found(item)[risk] == (severity, subject)


@pytest.mark.parametrize(
    "item",
    [
        signing_request(NODE, NODES, signer=KUBELET_CLIENT_SIGNER, usages=KUBELET_USAGES),
        signing_request(NODE, NODES, signer=KUBELET_CLIENT_SIGNER, usages=KUBELET_USAGES, **BOOTSTRAP),
        signing_request(NODE, NODES, signer=KUBELET_SERVING_SIGNER, usages=["digital signature", "server auth"],
                        sans=[x509.DNSName("node-1"), x509.IPAddress(ipaddress.ip_address("192.0.2.11"))]),
    ],
    ids=["renewal", "bootstrap", "serving"],
)  # fmt: skip
def test_a_kubelets_own_request_is_ordinary(item):
    assert found(item) == {}


def test_a_serving_certificate_that_a_bootstrap_token_asks_for_is_not():
    item = signing_request(NODE, NODES, signer=KUBELET_SERVING_SIGNER, usages=["server auth"], **BOOTSTRAP)
    assert found(item)["node"][0] is Severity.HIGH


def test_a_bootstrap_token_that_asks_for_a_person_is_called_out():
    assert (
        found(signing_request("jane", signer=KUBELET_CLIENT_SIGNER, **BOOTSTRAP))["other-subject"][0] is Severity.MEDIUM
    )
    assert found(signing_request("jane", **BOOTSTRAP))["other-subject"][0] is Severity.MEDIUM
    assert found(signing_request(NODE, NODES, **BOOTSTRAP))["node"][0] is Severity.HIGH


def serving(*names):
    sans = [x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names]
    return signing_request(NODE, NODES, signer=KUBELET_SERVING_SIGNER, usages=["server auth"], sans=sans)


@pytest.mark.parametrize(
    ("names", "severities"),
    [
        (["node-1", "192.0.2.11"], []),
        (["node-1", "kubernetes.default.svc"], [Severity.HIGH]),
        (["kubernetes"], [Severity.HIGH]),
        (["policy.platform.svc.cluster.local"], [Severity.HIGH]),
        (["node-1.example"], [Severity.MEDIUM]),
    ],
)
def test_a_kubelet_that_asks_for_names_of_others_is_called_out(names, severities):
    assert [risk.severity for risk in risks(read_signing_request(serving(*names)))] == severities


@pytest.mark.parametrize(
    ("names", "severities"),
    [
        (["node-1", "node-1.example", "192.0.2.11"], []),
        (["node-2"], [Severity.HIGH]),
        (["192.0.2.12"], [Severity.HIGH]),
        (["kubernetes.default.svc"], [Severity.HIGH]),
    ],
)
def test_where_the_nodes_are_known_a_kubelets_names_are_held_against_them(names, severities):
    addresses = [{"type": "InternalIP", "address": "192.0.2.11"}, {"type": "Hostname", "address": "node-1.example"}]
    node = {"metadata": {"name": "node-1"}, "status": {"addresses": addresses}}
    cluster = Cluster(objects={CERTIFICATE_SIGNING_REQUEST: (serving(*names),), NODE_KIND: (node,)})
    assert [risk.severity for risk in reviews(cluster.snapshot())[0].risks] == severities


def test_a_short_key_is_weak():
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert found(signing_request("jane", pair=short))["weak-key"] == (Severity.MEDIUM, "RSA 1024")


def test_a_request_that_is_not_signed_with_its_own_key_is_called_out():
    der = bytearray(x509.load_pem_x509_csr(request_pem("jane")).public_bytes(Encoding.DER))
    der[-1] ^= 1
    body = base64.encodebytes(bytes(der)).decode()
    pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n".encode()
    assert found(signing_request("jane", pem=pem))["not-signed"][0] is Severity.HIGH


def test_a_key_of_another_user_is_called_out_and_ones_own_only_mentioned():
    mine = signing_request("jane", name="second")
    before, eve = signing_request("jane", name="first"), signing_request("eve", name="third", pair=key("jane"))
    assert found(mine, mine) == {}
    assert found(mine, before)["key-reuse"][0] is Severity.LOW
    assert found(mine, before, eve)["key-reuse"][0] in {Severity.LOW, Severity.HIGH}
    worst = [risk.severity for risk in risks(read_signing_request(mine), [read_signing_request(eve)])]
    assert worst == [Severity.HIGH]


def test_a_key_that_a_certificate_of_the_cluster_has_is_called_out():
    pair = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issued = certificates_of(read_pem(self_signed("admin", pair)))
    request = read_signing_request(signing_request("eve", pair=pair))
    assert [(risk.id, risk.severity) for risk in risks(request, (), issued)] == [("key-reuse", Severity.HIGH)]


def test_what_was_issued_for_a_request_is_no_second_use_of_its_key():
    item = signing_request("jane", approved=True, pair=key("jane"))
    item["status"]["certificate"] = base64.b64encode(self_signed("jane", key("jane"))).decode()
    assert reviews(Cluster(objects={CERTIFICATE_SIGNING_REQUEST: (item,)}).snapshot())[0].risks == ()


def self_signed(name, pair):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, pair.public_key(), 1, now, now + timedelta(days=1))
    return builder.sign(pair, SHA256()).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "it holds no request"),
        ("%%%", "spec.request is not base64"),
        (base64.b64encode(b"<html>no</html>").decode(), "an HTML or XML page"),
        (base64.b64encode(request_pem("jane")[:200]).decode(), "truncated: no END line"),
        (base64.b64encode(base64.b64encode(request_pem("jane"))).decode(), "encoded once too often"),
        (base64.b64encode(request_pem("a") + request_pem("b")).decode(), "not one CERTIFICATE REQUEST block"),
        (base64.b64encode(b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----").decode(),
         "malformed certificate request"),
        (["a list"], "spec.request is not base64"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_read_says_why_is_critical_and_is_never_approved(value, said):
    item = signing_request("jane")
    item["spec"]["request"] = value
    request = read_signing_request(item)
    assert request.request is None
    assert said in request.error
    judged = risks(request)
    assert [risk.severity for risk in judged] == [Severity.CRITICAL]
    with pytest.raises(RefusedError, match="what it asks for cannot be read"):
        decision_plan(request, judged, cluster="uid", allow=("request", "system:masters"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(spec=st.dictionaries(st.sampled_from(["request", "usages", "groups", "username", "signerName",
                                              "expirationSeconds"]), JSON), status=JSON, metadata=JSON)  # fmt: skip
def test_an_object_of_any_shape_is_read_and_judged(spec, status, metadata):
    item = {"spec": spec, "status": status, "metadata": metadata}
    assert risks(read_signing_request(item))


@given(st.binary(max_size=300), st.integers(0, 400))
def test_any_bytes_are_a_request_or_an_error(noise, at):
    good = request_pem("jane")
    request, error = read_request(good[:at] + noise + good[at:])
    assert (request is None) == bool(error)


def test_a_hostile_name_is_shown_and_not_obeyed():
    item = signing_request("jane\x1b[31m\u202e", by="eve")
    message = next(risk.message for risk in risks(read_signing_request(item)) if risk.id == "other-subject")
    assert "\x1b" not in message
    assert "\\u{1b}" in message


def plan_for(item, **options):
    request = read_signing_request(item)
    return decision_plan(request, risks(request), cluster="uid-of-cluster", **options)


def test_an_approval_tests_what_was_judged_and_asks_for_the_certificate_afterwards():
    plan = plan_for(signing_request("jane", ["developers"]))
    assert problems(plan) == ()
    assert [operation["path"] for operation in plan.steps[0].patch if operation["op"] == "test"] == [
        "/spec/request", "/spec/signerName", "/status/conditions",
    ]  # fmt: skip
    assert plan.verify[0].kind == "certificate-issued"
    assert "Whoever holds the key becomes the user jane in group developers, for at most 1 hour" in plan.impact[0]
    assert read_plan(plan_text(plan), where="plan") == plan


def test_a_signer_that_is_not_kubernetes_own_is_not_waited_for():
    assert plan_for(signing_request("jane", signer="example.com/x")).verify == ()


def test_the_risks_stand_in_the_impact():
    plan = plan_for(signing_request("jane", ["system:monitoring"], by="eve"))
    assert "high: system:monitoring is one of the cluster's own groups." in plan.impact
    assert "medium: eve asks for a certificate of jane." in plan.impact


def test_what_is_critical_is_refused_unless_every_part_of_it_is_allowed_by_name():
    item = signing_request("system:kube-controller-manager", ["system:masters"])
    for allow in ((), ("system:masters",), ("system:kube-controller-manager",), ("masters",), ("*",)):
        with pytest.raises(RefusedError, match="it is not approved"):
            plan_for(item, allow=allow)
    allowed = plan_for(item, allow=("system:masters", "system:kube-controller-manager"))
    assert any(line.startswith("critical: the group system:masters") for line in allowed.impact)


def test_a_denial_is_never_refused():
    plan = plan_for(signing_request("eve", ["system:masters"]), deny=True, reason="no")
    assert plan.steps[0].patch[-1]["value"][0]["type"] == "Denied"
    assert plan.steps[0].irreversible


@pytest.mark.parametrize("deny", [False, True])
def test_a_request_that_somebody_decided_on_is_left_alone(deny):
    with pytest.raises(InputError, match="it is approved already: in person"):
        plan_for(signing_request("jane", approved=True), deny=deny)


def test_the_plan_that_issues_a_certificate_submits_approves_and_fetches():
    body = request_object("jane", request_pem("jane"), expiration_seconds=3600)
    plan = issue_plan(body, "/tmp/jane.crt", cluster="uid", reason="asked in person", username="jane")
    assert [step.action for step in plan.steps] == [Action.CREATE, Action.PATCH, Action.CERTIFICATE]
    assert problems(plan) == ()
    assert plan == issue_plan(body, "/tmp/jane.crt", cluster="uid", reason="asked in person", username="jane")


@pytest.mark.parametrize("make", [
    lambda body: submit_plan(body, cluster="uid"),
    lambda body: issue_plan(body, "/tmp/x.crt", cluster="uid", reason="because"),
])  # fmt: skip
def test_no_plan_is_made_for_system_masters_unless_it_is_named(make):
    body = request_object("jane", request_pem("jane", ["system:masters"]), expiration_seconds=3600)
    with pytest.raises(RefusedError) as caught:
        make(body)
    assert "--allow system:masters" in caught.value.do


@pytest.mark.parametrize(
    ("name", "seconds", "said"),
    [("Jane", 3600, "cannot be an object's name"), ("../jane", 3600, "cannot be"), ("", 3600, "cannot be"),
     ("jane", 599, "too short"), ("jane", -1, "too short")],
)  # fmt: skip
def test_an_object_that_the_server_would_refuse_is_refused_before(name, seconds, said):
    with pytest.raises(InputError, match=said):
        request_object(name, request_pem("jane"), expiration_seconds=seconds)


@pytest.mark.parametrize("pem", [b"", b"no pem", b"\x00" * 100, b"<html></html>"])
def test_what_is_no_request_is_not_submitted(pem):
    with pytest.raises(InputError, match="the request cannot be read"):
        submit_plan(request_object("jane", pem, expiration_seconds=600), cluster="uid")
