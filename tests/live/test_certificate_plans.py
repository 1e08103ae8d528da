"""Plans for certificates against a real API server: what failed for its certificate passes once they are applied."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from k8srun.apply import Journal, Options, apply, preview
from k8srun.assessment.checks import CHECKS
from k8srun.assessment.remedies import PLAN_NEEDS, plan_of
from k8srun.assessment.scene import Scene
from k8srun.certificates.plans.breakglass import break_glass
from k8srun.certificates.plans.kubelets import approval_remedy
from k8srun.certificates.plans.making import as_plan
from k8srun.certificates.plans.secrets import find_secret, secret_remedy
from k8srun.change import AnswerState, ChangeStatus, Validation
from k8srun.codec import decode
from k8srun.pki.tlspairs import read_pair
from k8srun.record import RunRecord, RunStatus
from k8srun.sources.live import read_live
from tests.apply.clusters import RBAC, binding, named, read, role, taken_back, target
from tests.controlplane.pki import SERVER, Authority
from tests.live.test_certificates_api import get
from tests.live.webhook_server import encoded, running

ADMISSION = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
APISERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
UNTRUSTED = "tls: failed to verify certificate: x509: certificate signed by unknown authority"
NUMBERS = itertools.count()


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "journal.jsonl")


@pytest.fixture
def namespace(control_plane):
    return control_plane.create_namespace()


@pytest.fixture
def webhook(control_plane, namespace, tmp_path):
    """A webhook that judges ConfigMaps of the namespace, its Service and its Secret; `settle` says what is wrong."""
    with running(tmp_path) as server:
        made = Installed(control_plane, namespace, server)
        yield made
        control_plane.request("DELETE", f"{ADMISSION}/{made.name}")
        control_plane.request("DELETE", f"{APISERVICES}/{made.api}")


class Installed:
    def __init__(self, control_plane, namespace, server):
        self.control_plane, self.namespace, self.server = control_plane, namespace, server
        self.authority = Authority("The webhook's CA")
        self.host = f"policy.{namespace}.svc"
        self.name = f"policy-{namespace}"
        self.api = f"v1.{namespace}.example"
        self.service = {"namespace": namespace, "name": "policy", "port": server.port}

    def settle(self, *, bundle, **fields):
        """Serve a certificate, which lies in the Secret with its CA, and install the webhook with a caBundle."""
        pair = self.authority.issue("policy", usages=SERVER, sans=(self.host,), **fields)
        self.server.serve(pair.certificate, pair.key)
        data = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": self.authority.pair.certificate}
        here = f"/api/v1/namespaces/{self.namespace}"
        secret = named("Secret", "policy-tls", self.namespace, type="kubernetes.io/tls")
        secret["data"] = {name: encoded(content) for name, content in data.items()}
        self.control_plane.create(f"{here}/secrets", secret)
        spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": self.server.port}]}
        self.control_plane.create(f"{here}/services", named("Service", "policy", self.namespace, spec=spec))
        self.control_plane.create(ADMISSION, self.configuration(bundle))
        self.control_plane.wait_until("the webhook to be asked", lambda: not self.passes() or self.server.asked)

    def configuration(self, bundle):
        here = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [self.namespace]}
        entry = {
            "name": "check.policy.example",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "timeoutSeconds": 5,
            "failurePolicy": "Fail",
            "namespaceSelector": {"matchExpressions": [here]},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
            ],
            "clientConfig": {"service": self.service, "caBundle": encoded(bundle)},
        }
        kind = "ValidatingWebhookConfiguration"
        return named(kind, self.name, version="admissionregistration.k8s.io/v1", webhooks=[entry])

    def try_it(self):
        """Status and answer of the request that the webhook judges."""
        body = named("ConfigMap", f"c{next(NUMBERS)}", self.namespace)
        return self.control_plane.request("POST", f"/api/v1/namespaces/{self.namespace}/configmaps", body)

    def passes(self):
        return self.try_it()[0] == 201

    def refusal(self):
        """The error that the API server answers with."""
        status, answer = self.try_it()
        assert status == 500, answer
        return answer["message"]


def look(control_plane):
    return read_live(kubeconfig=str(control_plane.kubeconfig()), needs=PLAN_NEEDS, now=datetime.now(UTC))


def carried_out(plan, control_plane, journal):
    """Preview against the server, confirm what is shown, apply, and ask the plan's questions on a fresh snapshot."""
    options = Options(patience=20, checks=CHECKS, snapshot=lambda _needs: look(control_plane))
    admin = target(control_plane)
    shown = preview(plan, admin, journal=journal, options=options)
    assert not shown.blockers, shown.blockers
    assert {step.validation for step in shown.steps} <= {Validation.SERVER, Validation.NONE}
    outcome = apply(plan, admin, shown.confirm, journal=journal, options=options)
    assert outcome.status is ChangeStatus.APPLIED, outcome.steps
    return outcome


def states(outcome, kind="field-equals"):
    return {answer.state for answer in outcome.answers if answer.question.kind == kind}


def test_a_webhook_with_the_wrong_ca_bundle_is_called_again_once_the_plan_is_applied(control_plane, webhook, journal):
    webhook.settle(bundle=Authority("Somebody else's CA").pair.certificate)
    message = webhook.refusal()
    assert "x509: certificate signed by unknown authority" in message
    plan = plan_of(message, look(control_plane), datetime.now(UTC))
    assert [step.target.name for step in plan.steps] == [webhook.name]
    outcome = carried_out(plan, control_plane, journal)
    assert states(outcome) == {AnswerState.FIXED}
    assert control_plane.wait_until("the request to pass", webhook.passes)
    asked = webhook.server.asked
    webhook.server.allow = False
    assert webhook.try_it()[0] == 400, "it judges again, and refuses"
    assert webhook.server.asked > asked

    back = taken_back(outcome.run, target(control_plane), journal)
    assert back.status is ChangeStatus.APPLIED
    assert control_plane.wait_until("it to fail as before", lambda: "x509" in str(webhook.try_it()[1]))


def test_a_rebuilt_ca_is_trusted_beside_the_old_one(control_plane, webhook, journal):
    webhook.settle(bundle=Authority("The webhook's CA").pair.certificate)
    message = webhook.refusal()
    assert 'candidate authority certificate "The webhook\'s CA"' in message
    carried_out(plan_of(message, look(control_plane), datetime.now(UTC)), control_plane, journal)
    assert control_plane.wait_until("the request to pass", webhook.passes)
    held = read(control_plane, f"{ADMISSION}/{webhook.name}")["webhooks"][0]["clientConfig"]["caBundle"]
    assert len(x509.load_pem_x509_certificates(base64.b64decode(held))) == 2


def test_an_aggregated_api_with_the_wrong_ca_bundle_becomes_available(control_plane, webhook, journal):
    webhook.settle(bundle=webhook.authority.pair.certificate)
    wrong = encoded(Authority("Somebody else's CA").pair.certificate)
    group = f"{webhook.namespace}.example"
    spec = {"group": group, "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 15, "caBundle": wrong}
    control_plane.create(
        APISERVICES, named("APIService", webhook.api, version="apiregistration.k8s.io/v1",
                           spec={**spec, "service": webhook.service}),
    )  # fmt: skip

    def condition():
        found = (read(control_plane, f"{APISERVICES}/{webhook.api}").get("status") or {}).get("conditions") or [{}]
        return found[0]

    said = control_plane.wait_until("its status", lambda: "x509" in condition().get("message", "") and condition())
    assert said["status"] == "False"
    plan = plan_of(said["message"], look(control_plane), datetime.now(UTC))
    assert [str(step.target) for step in plan.steps] == [f"APIService.apiregistration.k8s.io {webhook.api}"]
    carried_out(plan, control_plane, journal)
    assert control_plane.wait_until("it to be available", lambda: condition().get("status") == "True")


def test_objects_of_a_custom_resource_are_converted_again(control_plane, webhook, journal):
    webhook.settle(bundle=webhook.authority.pair.certificate)
    group = f"{webhook.namespace}.crd.example"
    wrong = encoded(Authority("Somebody else's CA").pair.certificate)
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == "v1",
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        }
        for name in ("v1", "v2")
    ]
    hook = {"clientConfig": {"service": webhook.service, "caBundle": wrong}, "conversionReviewVersions": ["v1"]}
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": "widgets", "kind": "Widget"},
        "versions": versions,
        "conversion": {"strategy": "Webhook", "webhook": hook},
    }
    body = named("CustomResourceDefinition", f"widgets.{group}", version="apiextensions.k8s.io/v1", spec=spec)
    control_plane.create(CRDS, body)
    try:
        here = f"/namespaces/{webhook.namespace}/widgets"
        widget = named("Widget", "one", webhook.namespace, version=f"{group}/v1")
        first = f"/apis/{group}/v1{here}"
        control_plane.wait_until("the kind", lambda: control_plane.request("POST", first, widget)[0] in {201, 409})
        status, answer = control_plane.request("GET", f"/apis/{group}/v2{here}/one")
        assert (status, "x509" in answer["message"]) == (500, True)
        plan = plan_of(answer["message"], look(control_plane), datetime.now(UTC))
        assert [step.target.kind for step in plan.steps] == ["CustomResourceDefinition"]
        carried_out(plan, control_plane, journal)
        assert control_plane.wait_until(
            "the conversion", lambda: control_plane.request("GET", f"/apis/{group}/v2{here}/one")[0] == 200
        )
    finally:
        control_plane.request("DELETE", f"{CRDS}/widgets.{group}")


def test_breaking_the_glass_lets_requests_pass_and_taking_it_back_shuts_them_out_again(control_plane, webhook, journal):
    expired = datetime.now(UTC) - timedelta(hours=1)
    webhook.settle(bundle=webhook.authority.pair.certificate, expires=expired)
    assert "certificate has expired" in webhook.refusal()
    world = Scene(look(control_plane), datetime.now(UTC)).certificates
    plan = as_plan("Break glass", break_glass(world, "check.policy.example"), world)
    outcome = carried_out(plan, control_plane, journal)
    assert states(outcome) == {AnswerState.FIXED}
    assert control_plane.wait_until("the request to pass", webhook.passes)
    assert taken_back(outcome.run, target(control_plane), journal).status is ChangeStatus.APPLIED
    assert control_plane.wait_until("it to be shut again", lambda: "expired" in str(webhook.try_it()[1]))


def test_the_glass_can_be_broken_for_one_namespace_alone(control_plane, webhook, journal):
    webhook.settle(bundle=Authority("Somebody else's CA").pair.certificate)
    world = Scene(look(control_plane), datetime.now(UTC)).certificates
    remedy = break_glass(world, "check.policy.example", namespaces=[webhook.namespace])
    carried_out(as_plan("Break glass", remedy, world), control_plane, journal)
    assert control_plane.wait_until("the request to pass", webhook.passes)
    entry = read(control_plane, f"{ADMISSION}/{webhook.name}")["webhooks"][0]
    assert entry["failurePolicy"] == "Fail"


def test_a_new_certificate_of_another_ca_goes_into_the_secret_and_the_webhook_is_called_with_it(
    control_plane, webhook, journal, tmp_path
):
    webhook.settle(bundle=webhook.authority.pair.certificate, expires=datetime.now(UTC) - timedelta(hours=1))
    assert not webhook.passes()
    other = Authority("A new CA")
    pair = other.issue(webhook.host, usages=SERVER, sans=(webhook.host,))
    paths = [tmp_path / name for name in ("new.crt", "new.key", "new-ca.crt")]
    for path, content in zip(paths, (pair.certificate, pair.key, other.pair.certificate), strict=True):
        path.write_bytes(content)
        path.chmod(0o600)
    world = Scene(look(control_plane), datetime.now(UTC)).certificates
    secret = find_secret(world, f"{webhook.namespace}/policy-tls")
    remedy = secret_remedy(world, secret, read_pair(*paths))
    kept = [step for step in remedy.steps if step.target]  # nothing mounts the Secret: the rollout is by hand
    plan = as_plan("Replace it", type(remedy)(tuple(kept), remedy.impact, remedy.verify), world)
    assert [step.target.kind for step in plan.steps] == ["ValidatingWebhookConfiguration", "Secret"]
    carried_out(plan, control_plane, journal)
    stored = read(control_plane, f"/api/v1/namespaces/{webhook.namespace}/secrets/policy-tls")["data"]
    assert (stored["tls.crt"], stored["tls.key"]) == (encoded(pair.certificate), encoded(pair.key))
    assert encoded(pair.key)[:80] not in journal.path.read_text()
    webhook.server.serve(pair.certificate, pair.key)
    assert control_plane.wait_until("the request to pass", webhook.passes)


def kubelet_request(control_plane, node, *, by=None, address="192.0.2.50"):
    """A request for a serving certificate, sent as the node, as a kubelet sends it."""
    subject = x509.Name([
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
        x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{node}"),
    ])  # fmt: skip
    from ipaddress import ip_address

    names = x509.SubjectAlternativeName([x509.DNSName(node), x509.IPAddress(ip_address(address))])
    key = ec.generate_private_key(ec.SECP256R1())
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).add_extension(names, critical=False)
    spec = {
        "request": encoded(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)),
        "signerName": "kubernetes.io/kubelet-serving",
        "usages": ["digital signature", "server auth"],
    }
    name = f"csr-{node}-{next(NUMBERS)}"
    body = named("CertificateSigningRequest", name, version="certificates.k8s.io/v1", spec=spec)
    who = by or {"user": f"system:node:{node}", "groups": ["system:nodes"]}
    status, answer = control_plane.request("POST", CSRS, body, **who)
    assert status == 201, answer
    return name


def test_a_kubelets_own_request_is_approved_and_signed_and_a_forged_one_is_left(control_plane, journal):
    node = f"node-{next(NUMBERS)}-{os.getpid()}"
    control_plane.create("/api/v1/nodes", named("Node", node))
    path = f"/api/v1/nodes/{node}/status"
    # A patch, since the node controllers write to a new node at the same time: an update would be a conflict.
    addresses = {"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.50"}]}}
    assert control_plane.request("PATCH", path, addresses, content_type="application/merge-patch+json")[0] == 200
    try:
        own = kubelet_request(control_plane, node)
        admins = {"user": "kubernetes-super-admin", "groups": ["system:masters"]}
        forged = kubelet_request(control_plane, node, by=admins)
        elsewhere = kubelet_request(control_plane, node, address="192.0.2.51")
        world = Scene(look(control_plane), datetime.now(UTC)).certificates
        remedy = approval_remedy(world.snapshot, "kubelet-serving-csr-pending")
        mine = [step for step in remedy.steps if node in step.target.name]
        assert [step.target.name for step in mine] == [own]
        questions = tuple(question for question in remedy.verify if question.about.get("name") == own)
        said = " ".join(remedy.impact)
        assert f"Not approved: {forged}: kubernetes-super-admin asks for a certificate of" in said
        assert f"Not approved: {elsewhere}: 192.0.2.51 is no name or address of the node" in said
        plan = as_plan("Approve", type(remedy)(tuple(mine), remedy.impact, questions), world)
        outcome = carried_out(plan, control_plane, journal)
        assert states(outcome, "certificate-issued") == {AnswerState.FIXED}
        status = read(control_plane, f"{CSRS}/{own}")["status"]
        issued = x509.load_pem_x509_certificate(base64.b64decode(status["certificate"]))
        assert issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
            x509.DNSName
        ) == [node]
        assert "conditions" not in read(control_plane, f"{CSRS}/{forged}")["status"]
    finally:
        control_plane.request("DELETE", f"/api/v1/nodes/{node}")


def run_runbook(kubeconfig, out, *parameters, journal):
    words = [word for pair in parameters for word in ("-p", pair)]
    command = [sys.executable, "-m", "k8srun.cli.main", "run", "issue-user-certificate", "--context", *words]
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig), "K8SRUN_JOURNAL": str(journal)}
    done = subprocess.run([*command, "--out", str(out)], env=environment, capture_output=True, text=True, check=False)
    (path,) = out.glob("*/run.json")
    record = decode(path.read_bytes(), RunRecord)
    assert record.status is RunStatus.SUCCEEDED, done.stdout + done.stderr
    return record, (path.parent / "notebook.ipynb").read_text()


def test_the_runbook_leads_from_a_name_to_a_kubeconfig_whose_get_works(control_plane, tmp_path):
    user, admin = f"jane-{next(NUMBERS)}-{os.getpid()}", control_plane.kubeconfig()
    keys = tmp_path / "keys"
    keys.mkdir()
    given = (f"user={user}", "hours=1", f"folder={keys}")
    first, shown = run_runbook(admin, tmp_path / "preview", *given, journal=tmp_path / "journal")
    assert first.result.changes == ()
    assert not (keys / f"{user}.crt").exists()
    confirm = re.search(r"\d{8}T\d{6}Z(?:-[0-9a-f]{4}){4}-[0-9a-f]{32}", shown)[0]
    done, text = run_runbook(admin, tmp_path / "apply", *given, f"confirm={confirm}", journal=tmp_path / "journal")
    assert [change.status for change in done.result.changes] == [ChangeStatus.APPLIED]
    kubeconfig = keys / f"{user}.conf"
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    body = (keys / f"{user}.key").read_text().splitlines()[1]
    assert body not in text + shown + (tmp_path / "journal").read_text()

    namespace = control_plane.create_namespace()
    path = f"/api/v1/namespaces/{namespace}/pods/none"
    assert get(kubeconfig, path) == 403, "the login works; nothing is granted"
    control_plane.create(f"/apis/{RBAC}/v1/namespaces/{namespace}/roles", role(namespace))
    control_plane.create(f"/apis/{RBAC}/v1/namespaces/{namespace}/rolebindings", binding(namespace, user=user))
    assert control_plane.wait_until("the grant to work", lambda: get(kubeconfig, path) == 404)


def test_a_kubeconfig_that_trusts_another_ca_is_mended_while_no_server_can_be_asked_with_it(
    control_plane, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("K8SRUN_JOURNAL", str(tmp_path / "journal.jsonl"))
    kubeconfig = control_plane.kubeconfig(ca=Authority("Another cluster").pair.certificate, path=tmp_path / "broken")
    before = kubeconfig.read_bytes()
    with pytest.raises(ssl.SSLError, match="certificate verify failed"):
        get(kubeconfig, "/version")

    def k8srun(*words):
        command = [sys.executable, "-m", "k8srun.cli.main", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    root = control_plane.pki_dir.parents[2]
    k8srun("diagnose", "--kubeconfig", "broken", "--host-root", str(root), "--plan", "fix.json", UNTRUSTED)
    shown = json.loads(k8srun("plan", "preview", "fix.json", "-o", "json"))
    confirm = shown["preview"]["confirm"]
    assert shown["preview"]["cluster"]["server"] == "this machine"
    done = k8srun("plan", "apply", "fix.json", "--kubeconfig", "broken", "--confirm", confirm, "-o", "json")
    assert [answer["state"] for answer in json.loads(done)["answers"]] == ["fixed"]
    assert get(kubeconfig, "/version") == 200
    run = json.loads(done)["run"]
    back = json.loads(k8srun("plan", "undo", "--run", run, "-o", "json"))["preview"]["confirm"]
    k8srun("plan", "undo", "--run", run, "--confirm", back)
    assert yaml.safe_load(kubeconfig.read_bytes()) == yaml.safe_load(before)
