"""From a key to a working kubeconfig, and everything that is refused on the way, against the real servers."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from click.testing import CliRunner
from cryptography import x509

from k8srun.apply import Journal, Options, apply, preview
from k8srun.certificates.request_plans import decision_plan, issue_plan, request_object
from k8srun.certificates.reviews import reviews
from k8srun.change import AnswerState, ChangeStatus, FailureKind
from k8srun.cli.csr import csr
from k8srun.errors import InputError, RefusedError
from k8srun.findings import Severity
from k8srun.kinds import CERTIFICATE_SIGNING_REQUEST
from k8srun.pki.identity import keep_request
from k8srun.planfile import read_plan
from k8srun.snapshot import Need
from k8srun.sources.live import read_live
from tests.apply.clusters import RBAC, binding, read, role, target

CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
NUMBERS = itertools.count()
ADMINS = "system:masters"


@pytest.fixture
def name():
    return f"user-{next(NUMBERS)}"


@pytest.fixture
def cli(control_plane, tmp_path, monkeypatch):
    """Run `k8srun csr …` as the administrator (or another) and give exit code and JSON."""
    monkeypatch.setenv("K8SRUN_JOURNAL", str(tmp_path / "journal.jsonl"))
    monkeypatch.chdir(tmp_path)

    def run(*words, user=None, groups=(), live=True):
        source = ["--kubeconfig", str(control_plane.kubeconfig(user=user, groups=groups))] if live else []
        result = CliRunner().invoke(csr, [*words, *source, "-o", "json"], catch_exceptions=False)
        return result.exit_code, msgspec.json.decode(result.stdout)

    return run


def confirmed(cli, *words, **who):
    """Preview a change and apply it; the outcome."""
    code, shown = cli(*words, **who)
    assert (code, shown["status"]) == (0, "previewed"), shown
    code, done = cli(*words, "--confirm", shown["preview"]["confirm"], **who)
    assert code == 0, done
    return done


def requested(cli, name, *options, group="developers"):
    """A key and a request in the working folder, and the request submitted."""
    cli("make", name, "--group", group, live=False)
    return confirmed(cli, "submit", f"{name}.csr", "--name", name, *options)


def test_from_a_key_to_a_get_that_works(control_plane, cli, name, tmp_path):
    requested(cli, name, "--expires", "1h")
    listed = next(one for one in cli("list")[1]["requests"] if one["name"] == name)
    assert (listed["state"], listed["requested_for"]) == ("pending", {"user": name, "groups": ["developers"]})
    assert listed["severity"] == "low"  # an administrator asks for another

    outcome = confirmed(cli, "approve", name)
    assert outcome["answers"][0]["state"] == "fixed"
    certificate, kubeconfig = tmp_path / "out.crt", tmp_path / "out.conf"
    assert cli("fetch", name, "--key", f"{name}.key", "--to", str(certificate))[0] == 0
    code, made = cli("kubeconfig", str(certificate), "--key", f"{name}.key", "--to", str(kubeconfig))
    assert (code, made["user"], made["server"]) == (0, name, control_plane.server)
    assert kubeconfig.stat().st_mode & 0o777 == 0o600

    namespace = control_plane.create_namespace()
    path = f"/api/v1/namespaces/{namespace}/pods/none"
    assert get(kubeconfig, path) == 403
    control_plane.create(f"/apis/{RBAC}/v1/namespaces/{namespace}/roles", role(namespace))
    control_plane.create(f"/apis/{RBAC}/v1/namespaces/{namespace}/rolebindings", binding(namespace, user=name))
    assert control_plane.wait_until("the grant to work", lambda: get(kubeconfig, path) == 404)  # allowed: there is none


def get(kubeconfig, path):
    """The status of a GET with a kubeconfig."""
    from k8srun.sources.connection import connect, server_of
    from k8srun.sources.contexts import choose_context

    chosen = choose_context(str(kubeconfig), environ={})
    opener = connect(chosen, server_of(chosen, {}), allow_exec=False, timeout=10).opener()
    connection = opener()
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize(("span", "seconds"), [("600s", 600), ("2h", 7200)])
def test_the_certificate_lasts_as_long_as_was_asked_for(cli, name, tmp_path, span, seconds):
    requested(cli, name, "--expires", span)
    confirmed(cli, "approve", name)
    cli("fetch", name, "--key", f"{name}.key", "--to", "out.crt")
    issued = x509.load_pem_x509_certificate((tmp_path / "out.crt").read_bytes())
    left = issued.not_valid_after_utc - datetime.now(UTC)
    assert timedelta(seconds=seconds - 120) < left <= timedelta(seconds=seconds)


def test_a_denied_request_gets_no_certificate_and_cannot_be_approved(control_plane, cli, name):
    requested(cli, name)
    outcome = confirmed(cli, "deny", name, "--reason", "not hers")
    assert outcome["answers"][0]["state"] == "fixed"
    condition = read(control_plane, f"{CSRS}/{name}")["status"]["conditions"][0]
    assert (condition["type"], condition["message"]) == ("Denied", "not hers")
    with pytest.raises(InputError, match="it is denied already: not hers"):
        cli("approve", name)
    with pytest.raises(InputError, match="there is no certificate: the request is denied"):
        cli("fetch", name, "--key", f"{name}.key", "--to", "out.crt")


def test_a_request_for_system_masters_is_refused_before_it_is_sent_and_by_the_server_itself(cli, name, tmp_path):
    cli("make", name, "--group", ADMINS, live=False)
    words = ("submit", f"{name}.csr", "--name", name)
    with pytest.raises(RefusedError, match="system:masters may do everything") as caught:
        cli(*words)
    assert "--allow system:masters" in caught.value.do
    code, shown = cli(*words, "--allow", ADMINS)
    assert code == 3
    failure = shown["preview"]["steps"][0]["failure"]
    assert failure["kind"] == FailureKind.ADMISSION.value
    assert ADMINS in failure["detail"]


def test_a_request_for_system_masters_from_another_signer_is_critical_and_approved_only_by_name(
    control_plane, cli, name
):
    # The server refuses the group for its own client signer only; any other signer may issue what it likes.
    signer = ("--signer", "example.com/any", "--allow", ADMINS)
    requested(cli, name, *signer, group=ADMINS)
    listed = next(one for one in cli("list")[1]["requests"] if one["name"] == name)
    assert listed["severity"] == "critical"
    with pytest.raises(RefusedError, match="it is not approved: the group system:masters"):
        cli("approve", name)
    with pytest.raises(RefusedError):
        cli("approve", name, "--allow", "system:nodes")
    assert "conditions" not in read(control_plane, f"{CSRS}/{name}")["status"]
    confirmed(cli, "approve", name, "--allow", ADMINS)
    assert read(control_plane, f"{CSRS}/{name}")["status"]["conditions"][0]["type"] == "Approved"


def test_who_may_not_approve_is_told_which_permissions_are_missing(control_plane, cli, name):
    requested(cli, name)
    path = f"/apis/{RBAC}/v1/clusterrolebindings"
    control_plane.create(path, {
        "metadata": {"name": f"view-{name}"},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "csr-reader"},
        "subjects": [{"apiGroup": RBAC, "kind": "User", "name": f"reader-{name}"}],
    })  # fmt: skip
    rules = [
        {"apiGroups": ["certificates.k8s.io"], "resources": ["certificatesigningrequests"], "verbs": ["get", "list"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]
    control_plane.request("POST", f"/apis/{RBAC}/v1/clusterroles", {"metadata": {"name": "csr-reader"}, "rules": rules})
    who = {"user": f"reader-{name}"}
    control_plane.wait_until("the grant", lambda: control_plane.request("GET", CSRS, **who)[0] == 200)
    code, shown = cli("approve", name, **who)
    assert code == 3
    missing = {(one["permission"]["verb"], one["permission"]["resource"], one["permission"]["subresource"])
               for one in shown["preview"]["permissions"] if one["allowed"] is False}  # fmt: skip
    assert missing == {("patch", "certificatesigningrequests", "approval"), ("approve", "signers", "")}
    assert shown["preview"]["confirm"] == ""


def test_a_request_that_was_decided_on_since_the_preview_is_left_alone(control_plane, cli, name):
    requested(cli, name)
    _code, shown = cli("approve", name)
    confirmed(cli, "deny", name)
    with pytest.raises(InputError, match="it is denied already"):
        cli("approve", name, "--confirm", shown["preview"]["confirm"])


def test_a_certificate_of_another_key_is_not_kept(cli, name, tmp_path):
    requested(cli, name)
    confirmed(cli, "approve", name)
    cli("make", "somebody", live=False)
    with pytest.raises(InputError, match="belongs to another key"):
        cli("fetch", name, "--key", "somebody.key", "--to", "out.crt")
    assert not (tmp_path / "out.crt").exists()


def test_one_plan_submits_approves_and_fetches(control_plane, name, tmp_path):
    admin, journal = target(control_plane), Journal(tmp_path / "journal.jsonl")
    kept = keep_request(tmp_path / name, name, ("developers",))
    who = admin.identity()
    body = request_object(name, kept.pem, expiration_seconds=3600)
    fields = {"cluster": who.uid, "reason": "she was asked in person", "username": who.username, "groups": who.groups}
    plan = issue_plan(body, str(tmp_path / "out.crt"), **fields)
    again = request_object(name, keep_request(tmp_path / name, name, ("developers",)).pem, expiration_seconds=3600)
    assert issue_plan(again, str(tmp_path / "out.crt"), **fields).digest == plan.digest
    shown = preview(plan, admin, journal=journal)
    assert shown.blockers == ()
    outcome = apply(plan, admin, shown.confirm, journal=journal, options=Options(patience=30))
    assert outcome.status is ChangeStatus.APPLIED
    assert outcome.fixed is AnswerState.FIXED
    assert x509.load_pem_x509_certificate((tmp_path / "out.crt").read_bytes()).public_key() is not None
    assert (tmp_path / f"{name}.key").read_text().splitlines()[1] not in (tmp_path / "journal.jsonl").read_text()


def test_an_approval_is_written_as_a_plan_for_somebody_else_to_apply(control_plane, cli, name, tmp_path):
    requested(cli, name)
    code, _plan = cli("approve", name, "--plan", "approve.json")
    assert code == 0
    assert "conditions" not in read(control_plane, f"{CSRS}/{name}")["status"]
    plan = read_plan((tmp_path / "approve.json").read_bytes(), where="approve.json")
    assert plan.planned_by == "kubernetes-super-admin"
    other = target(control_plane, user="second-admin", groups=[ADMINS])
    journal, options = Journal(tmp_path / "other.jsonl"), Options(second_person=True, patience=30)
    shown = preview(plan, other, journal=journal, options=options)
    assert apply(plan, other, shown.confirm, journal=journal, options=options).fixed is AnswerState.FIXED
    with pytest.raises(InputError, match="it is issued already"):
        cli("approve", name, "--plan", "again.json")


def test_what_the_server_says_of_who_asked_is_what_is_judged(control_plane, cli, name):
    requested(cli, name)
    snapshot = read_live(
        kubeconfig=str(control_plane.kubeconfig()),
        needs=(Need.objects(CERTIFICATE_SIGNING_REQUEST),),
        now=datetime.now(UTC),
    )
    review = next(one for one in reviews(snapshot) if one.request.name == name)
    assert review.request.username == "kubernetes-super-admin"
    assert ADMINS in review.request.groups
    assert review.severity is Severity.LOW
    assert review.request.item["kind"] == "CertificateSigningRequest"
    assert decision_plan(review.request, review.risks, cluster="uid").steps[0].target.uid == review.request.uid


@pytest.mark.parametrize(
    ("user", "groups", "attributes"),
    [
        ("eve", [ADMINS], {"verb": "*", "group": "*", "resource": "*"}),
        ("system:kube-controller-manager", [], {"verb": "get", "resource": "secrets"}),
        (
            "system:kube-controller-manager",
            [],
            {"verb": "create", "resource": "serviceaccounts", "subresource": "token"},
        ),
    ],
)
def test_who_is_called_critical_may_do_that_on_a_real_server(control_plane, user, groups, attributes):
    review = {"spec": {"user": user, "groups": groups, "resourceAttributes": attributes}}
    status = control_plane.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)["status"]
    assert status["allowed"]


def test_a_certificate_with_the_name_of_a_service_account_has_that_accounts_rights(control_plane):
    namespace = control_plane.create_namespace()
    grant = binding(namespace)
    grant["subjects"] = [{"kind": "ServiceAccount", "name": "default", "namespace": namespace}]
    control_plane.create(f"/apis/{RBAC}/v1/namespaces/{namespace}/roles", role(namespace))
    control_plane.create(f"/apis/{RBAC}/v1/namespaces/{namespace}/rolebindings", grant)
    path, user = f"/api/v1/namespaces/{namespace}/pods/none", f"system:serviceaccount:{namespace}:default"
    assert control_plane.request("GET", path, user="nobody")[0] == 403
    assert control_plane.wait_until("the grant", lambda: control_plane.request("GET", path, user=user)[0] == 404)
