"""A new certificate into a TLS Secret: trusted first, then replaced, then read; the key in no plan and no journal."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta

import pytest

from k8srun.apply import Journal, Options, preview
from k8srun.apply.lab import LabTarget
from k8srun.assessment.symptoms import diagnose
from k8srun.certificates.plans.making import as_plan
from k8srun.certificates.plans.secrets import callers_of, find_secret, secret_remedy
from k8srun.change import ChangeStatus, FailureKind
from k8srun.errors import InputError, RefusedError
from k8srun.kinds import DEPLOYMENT, SECRET, VALIDATING_WEBHOOK
from k8srun.pki.tlspairs import keep_pair, read_pair
from k8srun.planfile import plan_text, problems
from tests.certificates.planning import applied, copied, seen, with_changed, world
from tests.controlplane.pki import SERVER, Authority

NAME = "platform/image-policy-tls"
HOST = "image-policy.platform.svc"


@pytest.fixture(scope="module")
def authority():
    return Authority("Another CA")


@pytest.fixture
def files(tmp_path, authority):
    """Write a pair that the authority issues, and the authority itself."""

    def write(*names, mode=0o600, **fields):
        pair = authority.issue(names[0] if names else "nobody", usages=SERVER, sans=names, **fields)
        (tmp_path / "tls.crt").write_bytes(pair.certificate)
        (tmp_path / "tls.key").write_bytes(pair.key)
        (tmp_path / "tls.key").chmod(mode)
        (tmp_path / "ca.crt").write_bytes(authority.pair.certificate)
        return tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "ca.crt"

    return write


@pytest.fixture
def lab(labs, tmp_path):
    return copied(labs["webhook-expired"], tmp_path / "lab")


def plan_in(there, pair):
    return as_plan("Replace it", secret_remedy(there, find_secret(there, NAME), pair), there)


def test_callers_trust_the_new_ca_before_the_secret_changes_and_pods_read_it_last(lab, files, tmp_path):
    there = world(seen(lab), lab)
    plan = plan_in(there, read_pair(*files(HOST)))
    assert problems(plan) == ()
    assert [step.target.kind for step in plan.steps] == [
        "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "Secret", "Deployment",
    ]  # fmt: skip
    key = (tmp_path / "tls.key").read_text()
    outcome = applied(plan, lab, tmp_path / "journal.jsonl")
    assert outcome.status is ChangeStatus.APPLIED
    after = diagnose(lab.symptom, seen(lab), lab.now)
    assert after.confirmed == ()
    stored = seen(lab).find(SECRET, "image-policy-tls", "platform")
    assert stored["data"]["tls.key"]["blocks"][0]["public_key_sha256"] == read_pair(*files_of(tmp_path)).key_sha256
    body = key.splitlines()[1]
    kept = [plan_text(plan), (tmp_path / "journal.jsonl").read_text(), repr(outcome)]
    assert [text for text in kept if body in text or base64.b64encode(key.encode()).decode()[:60] in text] == []


def files_of(folder):
    return folder / "tls.crt", folder / "tls.key", folder / "ca.crt"


def test_the_old_ca_stays_trusted_while_pods_still_serve_the_old_certificate(labs, files):
    healthy = labs["healthy"]
    there = world(seen(healthy), healthy)
    plan = plan_in(there, read_pair(*files(HOST)))
    (change,) = (operation for operation in plan.steps[0].patch if operation["op"] == "replace")
    text = base64.b64decode(change["value"]).decode()
    assert text.count("BEGIN CERTIFICATE") == 2


def test_a_pair_that_the_callers_trust_already_changes_no_bundle(labs, tmp_path):
    healthy = labs["healthy"]
    own = Authority("Own CA")
    (tmp_path / "ca.crt").write_bytes(own.pair.certificate)
    (tmp_path / "ca.key").write_bytes(own.pair.key)
    (tmp_path / "ca.key").chmod(0o600)
    ca = base64.b64encode(own.pair.certificate).decode()
    snapshot = seen(healthy)
    for kind, name in ((VALIDATING_WEBHOOK, "image-policy.platform.marlow.example"),):
        snapshot = with_changed(
            snapshot, kind, name, lambda item: item["webhooks"][0]["clientConfig"].update(caBundle=ca)
        )
    pair = keep_pair(tmp_path / "new", [HOST, "192.0.2.7"], tmp_path / "ca.crt", tmp_path / "ca.key", now=healthy.now)
    assert (pair.leaf.dns_names, pair.leaf.ip_addresses) == ((HOST,), ("192.0.2.7",))
    kinds = [step.target.kind for step in plan_in(world(snapshot, healthy), pair).steps]
    assert kinds == ["MutatingWebhookConfiguration", "Secret", "Deployment"]
    again = keep_pair(tmp_path / "new", [HOST], tmp_path / "ca.crt", tmp_path / "ca.key", now=healthy.now)
    assert again == pair, "made once, and used again"


def test_what_the_api_server_would_not_accept_is_refused_before_anything_is_planned(lab, files):
    there = world(seen(lab), lab)
    with pytest.raises(InputError, match=f"would not accept it as {HOST}"):
        plan_in(there, read_pair(*files("image-policy.platform")))
    with pytest.raises(InputError, match="not now"):
        plan_in(there, read_pair(*files(HOST, expires=lab.now - timedelta(hours=1))))


def test_a_certificate_whose_ca_is_not_given_is_never_trusted_itself(lab, files):
    certificate, key, _ca = files(HOST)
    with pytest.raises(InputError, match="does not trust who signed it, CN=Another CA"):
        plan_in(world(seen(lab), lab), read_pair(certificate, key))


def test_a_key_of_another_certificate_is_refused(lab, files, authority):
    certificate, key, ca = files(HOST)
    key.write_bytes(authority.issue("other").key)
    with pytest.raises(InputError, match="belongs to another key"):
        plan_in(world(seen(lab), lab), read_pair(certificate, key, ca))


def test_a_key_that_others_may_read_is_refused_when_it_is_planned_and_when_it_is_applied(lab, files, tmp_path):
    there = world(seen(lab), lab)
    with pytest.raises(RefusedError, match="others may read this key"):
        read_pair(*files(HOST, mode=0o640))
    plan = plan_in(there, read_pair(*files(HOST)))
    (tmp_path / "tls.key").chmod(0o644)
    shown = preview(plan, LabTarget(lab), journal=Journal(tmp_path / "j"), options=Options(patience=0))
    assert shown.confirm == ""
    failure = shown.steps[2].failure
    assert failure.kind is FailureKind.LOCAL
    assert "others may read this private key" in failure.detail


def test_what_cert_manager_keeps_is_left_to_it(lab, files):
    mark = {"cert-manager.io/certificate-name": "image-policy"}
    kept = with_changed(seen(lab), SECRET, "image-policy-tls", lambda item: item["metadata"].update(annotations=mark))
    with pytest.raises(RefusedError, match="cert-manager keeps it for Certificate image-policy"):
        plan_in(world(kept, lab), read_pair(*files(HOST)))


def test_a_bundle_that_a_controller_injects_must_hold_the_ca_already(lab, files):
    mark = {"cert-manager.io/inject-ca-from": "platform/image-policy"}
    snapshot = with_changed(
        seen(lab), VALIDATING_WEBHOOK, "image-policy.platform.marlow.example",
        lambda item: item["metadata"].update(annotations=mark),
    )  # fmt: skip
    with pytest.raises(RefusedError, match="a controller writes the caBundle"):
        plan_in(world(snapshot, lab), read_pair(*files(HOST)))


def test_where_the_workloads_were_not_read_the_rollout_is_a_persons(lab, files):
    snapshot = seen(lab)
    objects = {kind: items for kind, items in snapshot.objects.items() if kind != DEPLOYMENT}
    plan = plan_in(world(replace(snapshot, objects=objects), lab), read_pair(*files(HOST)))
    assert "rollout restart" in plan.steps[-1].commands[-1]


def test_a_secret_that_is_not_there_or_of_another_type_is_refused(lab):
    there = world(seen(lab), lab)
    with pytest.raises(InputError, match="there is no such Secret"):
        find_secret(there, "platform/nothing")
    opaque = next(item for item in there.snapshot.of(SECRET) if item.get("type") == "Opaque")
    with pytest.raises(InputError, match=r"it is of type Opaque, not kubernetes\.io/tls"):
        find_secret(there, f"{opaque['metadata']['namespace']}/{opaque['metadata']['name']}")


def test_the_callers_of_a_secret_are_those_whose_service_serves_from_it(lab):
    there = world(seen(lab), lab)
    assert {view.connection.name for view in callers_of(there, find_secret(there, NAME))} == {HOST}
