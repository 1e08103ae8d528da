"""What plans for certificates hold, and above all what they refuse to do."""

from __future__ import annotations

import base64
import json
import shlex
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta

import pytest

from k8srun.apply.local import kubeconfig_views
from k8srun.certificates.causes import CAUSES
from k8srun.certificates.checks import CHECKS
from k8srun.certificates.fixes.registry import FIXES
from k8srun.certificates.plans.breakglass import AT_MOST, blocked, break_glass, gates
from k8srun.certificates.plans.hosts import control_plane_nodes
from k8srun.certificates.plans.kubelets import approval_remedy
from k8srun.certificates.plans.proofs import PROOFS
from k8srun.certificates.plans.renewal import renewal_remedy
from k8srun.distribution import Distribution
from k8srun.errors import InputError
from k8srun.jsonpatch import patched
from k8srun.kinds import (
    API_SERVICE,
    CERTIFICATE_SIGNING_REQUEST,
    CUSTOM_RESOURCE_DEFINITION,
    MUTATING_WEBHOOK,
    NODE,
    SECRET,
    VALIDATING_WEBHOOK,
)
from k8srun.lab import HEALTHY
from k8srun.pem import read_pem
from k8srun.plan import Action
from k8srun.sources.collect import read_lab
from k8srun.tls import HandshakeOutcome, TlsObservation
from k8srun.x509 import certificates_of
from tests.certificates.planning import plan_in, seen, with_changed, world

IMAGE_POLICY = "image-policy.platform.marlow.example"


@pytest.fixture(scope="module")
def wrong_bundle(labs):
    lab = labs["webhook-ca-bundle"]
    return lab, seen(lab)


def trusted(step, item):
    """The certificates in the caBundle after a step."""
    after = patched(item, step.patch)
    config = after["webhooks"][0]["clientConfig"] if "webhooks" in after else after["spec"]
    if "conversion" in after.get("spec", {}):
        config = after["spec"]["conversion"]["webhook"]["clientConfig"]
    return certificates_of(read_pem(base64.b64decode(config["caBundle"])))


def held(labs, path):
    return certificates_of(read_pem((labs[HEALTHY].node_root / path).read_bytes()))[0]


def test_every_cause_has_a_fix_and_a_check_that_proves_it():
    assert set(FIXES) == set(CAUSES)
    assert set(CAUSES) <= set(PROOFS)
    assert set(PROOFS.values()) <= {check.id for check in CHECKS}


def test_every_caller_of_the_service_gets_the_ca_that_signed_what_it_serves(wrong_bundle, labs):
    lab, snapshot = wrong_bundle
    plan = plan_in(world(snapshot, lab), lab.symptom)
    items = [snapshot.find(VALIDATING_WEBHOOK, IMAGE_POLICY), snapshot.of(MUTATING_WEBHOOK)[0]]
    authority = certificates_of(read_pem((lab.node_root / "etc/kubernetes/pki/ca.crt").read_bytes()))
    assert [trusted(step, item) for step, item in zip(plan.steps, items, strict=True)] == [authority, authority]
    assert "/etc/kubernetes/pki/ca.crt on cp-1" in plan.steps[0].reason
    assert authority[0].sha256[:16] in plan.steps[0].reason
    assert {"check": "WEBHOOK-CA"} in [question.about for question in plan.verify]


def test_a_step_says_which_webhook_it_means_so_that_another_at_its_place_is_left_alone(wrong_bundle):
    lab, snapshot = wrong_bundle
    step = plan_in(world(snapshot, lab), lab.symptom).steps[0]
    item = deepcopy(snapshot.find(VALIDATING_WEBHOOK, IMAGE_POLICY))
    item["webhooks"][0]["name"] = "another.example"
    with pytest.raises(ValueError, match="/webhooks/0/name"):
        patched(item, step.patch)


def test_a_conversion_of_a_custom_resource_gets_the_right_ca_too(wrong_bundle):
    lab, snapshot = wrong_bundle
    config = {"service": {"name": "image-policy", "namespace": "platform"}}
    bundle = snapshot.find(VALIDATING_WEBHOOK, IMAGE_POLICY)["webhooks"][0]["clientConfig"]["caBundle"]
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com", "uid": "crd-1"},
        "spec": {"conversion": {"strategy": "Webhook", "webhook": {"clientConfig": {**config, "caBundle": bundle}}}},
    }
    both = replace(snapshot, objects={**snapshot.objects, CUSTOM_RESOURCE_DEFINITION: (crd,)})
    step = next(step for step in plan_in(world(both, lab), lab.symptom).steps if step.target.kind == crd["kind"])
    assert [item.subject for item in trusted(step, crd)] == ["CN=kubernetes"]


def test_an_empty_ca_bundle_is_filled(labs):
    lab = labs["aggregated-api-ca-bundle"]
    name = "v1beta1.metrics.k8s.io"
    without = with_changed(seen(lab), API_SERVICE, name, lambda item: item["spec"].pop("caBundle"))
    (step,) = plan_in(world(without, lab), lab.symptom).steps
    assert [item.subject for item in trusted(step, without.find(API_SERVICE, name))] == ["CN=kubernetes"]


def test_the_old_ca_stays_beside_the_rebuilt_one_until_its_pods_are_gone_and_an_expired_one_does_not(labs):
    lab = labs["webhook-ca-rebuilt"]
    snapshot = seen(lab)
    item = snapshot.find(VALIDATING_WEBHOOK, IMAGE_POLICY)
    plan = plan_in(world(snapshot, lab), lab.symptom)
    old, new = trusted(plan.steps[0], item)
    assert (old.subject, old.subject_der) == (new.subject, new.subject_der)
    assert old.not_before < new.not_before
    assert any("take it out once every pod" in line for line in plan.impact)


def test_a_ca_that_was_only_seen_on_the_wire_is_never_written_into_a_bundle(wrong_bundle):
    lab, snapshot = wrong_bundle
    leaf = next(bundle for bundle in snapshot.of(SECRET) if bundle["metadata"]["name"] == "image-policy-tls")
    der = base64.b64decode(leaf["data"]["tls.crt"]["blocks"][0]["der"])
    ca = certificates_of(read_pem((lab.node_root / "etc/kubernetes/pki/ca.crt").read_bytes()))[0]
    wire = TlsObservation(
        host="image-policy.platform.svc",
        port=443,
        outcome=HandshakeOutcome.COMPLETED,
        presented=(der, ca.der),
        at=lab.now,
    )
    only_objects = {kind: snapshot.of(kind) for kind in (VALIDATING_WEBHOOK, MUTATING_WEBHOOK)}
    stranger = replace(snapshot, objects=only_objects, files=(), endpoints=(wire,))
    plan = plan_in(world(stranger, lab), lab.symptom)
    assert {step.action for step in plan.steps} == {Action.HOST}


@pytest.mark.parametrize(
    "annotation",
    ["cert-manager.io/inject-ca-from", "cert-manager.io/inject-ca-from-secret",
     "service.beta.openshift.io/inject-cabundle"],
)  # fmt: skip
def test_a_bundle_that_a_controller_writes_is_mended_at_its_source(wrong_bundle, annotation):
    lab, snapshot = wrong_bundle
    mark = {annotation: "platform/image-policy"}
    for kind in (VALIDATING_WEBHOOK, MUTATING_WEBHOOK):
        for item in snapshot.of(kind):
            snapshot = with_changed(
                snapshot, kind, item["metadata"]["name"], lambda one: one["metadata"].update(annotations=mark)
            )
    plan = plan_in(world(snapshot, lab), lab.symptom)
    assert {step.action for step in plan.steps} == {Action.HOST}
    assert annotation in plan.steps[0].reason


class TestKubeconfigs:
    """They are rewritten where they lie on this machine and say what the snapshot says; else it is commands."""

    @pytest.fixture
    def wrong(self, labs, served):
        lab = labs["other-clusters-ca"]
        snapshot = read_lab(lab, lab.now)
        return lab, snapshot, kubeconfig_views(snapshot)

    def actions(self, lab, snapshot, views):
        plan = plan_in(world(snapshot, lab, kubeconfigs=views), lab.symptom)
        return {step.action for step in plan.steps}

    def test_the_view_that_a_plan_is_made_of_holds_no_secret(self, wrong):
        _lab, _snapshot, views = wrong
        (view,) = views.values()
        (user,) = view["users"].values()
        assert user["client-key-data"].startswith("<reduced:")

    def test_one_of_this_machine_is_rewritten_and_expected_to_be_as_it_was_seen(self, wrong):
        lab, snapshot, views = wrong
        (step,) = plan_in(world(snapshot, lab, kubeconfigs=views), lab.symptom).steps
        assert step.action is Action.KUBECONFIG
        before = views[step.path]["clusters"]["marlow-lab"]["certificate-authority-data"]
        place = "/clusters/marlow-lab/certificate-authority-data"
        assert {"op": "test", "path": place, "value": before} in step.patch

    def test_one_that_is_not_here_is_left_to_commands(self, wrong):
        lab, snapshot, _views = wrong
        assert self.actions(lab, snapshot, {}) == {Action.HOST}

    def test_one_of_the_same_path_that_leads_elsewhere_is_left_alone(self, wrong):
        lab, snapshot, views = wrong
        moved = deepcopy(views)
        (view,) = moved.values()
        view["clusters"]["marlow-lab"]["server"] = "https://another.example:6443"
        assert self.actions(lab, snapshot, moved) == {Action.HOST}

    def test_one_of_a_node_is_left_to_the_node(self, wrong):
        lab, snapshot, views = wrong
        there = replace(
            snapshot, files=tuple(replace(file, host="cp-9") if file.path in views else file for file in snapshot.files)
        )
        assert self.actions(lab, there, views) == {Action.HOST}

    def test_a_file_that_is_named_beside_the_data_goes_since_it_would_mislead(self, wrong):
        lab, snapshot, views = wrong
        named = deepcopy(views)
        (view,) = named.values()
        view["clusters"]["marlow-lab"]["certificate-authority"] = "/old/ca.crt"
        (step,) = plan_in(world(snapshot, lab, kubeconfigs=named), lab.symptom).steps
        after = patched(view, step.patch)["clusters"]["marlow-lab"]
        assert "certificate-authority" not in after
        assert patched(patched(view, step.patch), step.undo.patch) == view


class TestKubelets:
    @pytest.fixture
    def pending(self, labs):
        return seen(labs["kubelet-serving-pending"])

    def refusal(self, snapshot):
        """Why the request of the lab is not approved; its other requests never are."""
        assert approval_remedy(snapshot, "") is None
        return snapshot

    def change(self, snapshot, **spec):
        return with_changed(snapshot, CERTIFICATE_SIGNING_REQUEST, "csr-7xk2v", lambda item: item["spec"].update(spec))

    def test_a_request_of_the_node_itself_for_its_own_names_is_approved(self, pending):
        remedy = approval_remedy(pending, "kubelet-serving-csr-pending")
        (step,) = remedy.steps
        assert (step.target.name, step.target.subresource) == ("csr-7xk2v", "approval")
        assert remedy.verify[0].about == {"name": "csr-7xk2v"}

    @pytest.mark.parametrize("user", ["system:node:worker-1", "mara.lindt", "system:serviceaccount:shop:default"])
    def test_a_request_that_somebody_else_sent_is_not(self, pending, user):
        self.refusal(self.change(pending, username=user))

    def test_a_request_of_a_user_who_is_not_in_the_group_of_nodes_is_not(self, pending):
        self.refusal(self.change(pending, groups=["system:authenticated"]))

    def test_a_request_of_a_node_that_does_not_exist_is_not(self, pending):
        others = tuple(node for node in pending.of(NODE) if node["metadata"]["name"] != "worker-2")
        self.refusal(replace(pending, objects={**pending.objects, NODE: others}))

    def test_a_request_for_an_address_that_is_not_the_nodes_is_not(self, pending):
        def elsewhere(item):
            item["status"]["addresses"] = [{"type": "InternalIP", "address": "192.0.2.99"}]

        self.refusal(with_changed(pending, NODE, "worker-2", elsewhere))

    def test_a_request_with_the_names_of_another_node_is_not(self, pending, labs):
        other = labs["kubelet-serving-pending"].nodes["worker-1"]
        assert other.exists()
        request = deepcopy(next(one for one in pending.of(CERTIFICATE_SIGNING_REQUEST)
                                if one["metadata"]["name"] == "csr-7xk2v"))  # fmt: skip
        request["spec"]["username"] = "system:node:worker-1"
        swapped = self.change(pending, username="system:node:worker-1", request=request["spec"]["request"])
        self.refusal(swapped)

    def test_what_is_left_out_is_named_with_its_reason_beside_what_is_approved(self, pending):
        good = next(one for one in pending.of(CERTIFICATE_SIGNING_REQUEST) if one["metadata"]["name"] == "csr-7xk2v")
        forged = deepcopy(good)
        forged["metadata"] |= {"name": "csr-evil", "uid": "forged"}
        forged["spec"]["username"] = "mara.lindt"
        requests = (*pending.of(CERTIFICATE_SIGNING_REQUEST), forged)
        remedy = approval_remedy(
            replace(pending, objects={**pending.objects, CERTIFICATE_SIGNING_REQUEST: requests}), ""
        )
        assert [step.target.name for step in remedy.steps] == ["csr-7xk2v"]
        assert any("csr-evil: mara.lindt asks for a certificate of system:node:worker-2" in line
                   for line in remedy.impact)  # fmt: skip


class TestBreakingGlass:
    @pytest.fixture
    def expired(self, labs):
        lab = labs["webhook-expired"]
        return lab, seen(lab)

    def test_what_refuses_requests_is_told_to_let_them_pass_and_when_to_take_that_back(self, expired):
        lab, snapshot = expired
        remedy = break_glass(world(snapshot, lab))
        (step,) = remedy.steps  # the mutating webhook ignores its failures already
        after = patched(snapshot.find(VALIDATING_WEBHOOK, IMAGE_POLICY), step.patch)
        assert after["webhooks"][0]["failurePolicy"] == "Ignore"
        said = " ".join(remedy.impact)
        assert "judges nothing: what it would refuse is admitted (CREATE, UPDATE of pods)" in said
        assert f"at the latest at {lab.now + AT_MOST:%Y-%m-%d %H:%M} UTC: k8srun plan undo" in said
        assert patched(after, step.undo.patch) == snapshot.find(VALIDATING_WEBHOOK, IMAGE_POLICY)

    def test_a_policy_that_is_left_out_is_fail(self, expired):
        lab, snapshot = expired
        bare = with_changed(
            snapshot, VALIDATING_WEBHOOK, IMAGE_POLICY, lambda item: item["webhooks"][0].pop("failurePolicy")
        )
        (step,) = break_glass(world(bare, lab)).steps
        after = patched(bare.find(VALIDATING_WEBHOOK, IMAGE_POLICY), step.patch)
        assert after["webhooks"][0]["failurePolicy"] == "Ignore"

    def test_only_some_namespaces_can_be_let_pass_and_every_condition_that_is_there_stays(self, expired):
        lab, snapshot = expired
        before = snapshot.find(VALIDATING_WEBHOOK, IMAGE_POLICY)["webhooks"][0]["namespaceSelector"]["matchExpressions"]
        (step,) = break_glass(world(snapshot, lab), namespaces=["shop"]).steps
        webhook = patched(snapshot.find(VALIDATING_WEBHOOK, IMAGE_POLICY), step.patch)["webhooks"][0]
        assert webhook["failurePolicy"] == "Fail"
        added = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["shop"]}
        assert webhook["namespaceSelector"]["matchExpressions"] == [*before, added]

    @pytest.mark.parametrize("selector", [None, {}, {"matchLabels": {"team": "shop"}}])
    def test_a_selector_of_any_form_gets_the_condition(self, expired, selector):
        lab, snapshot = expired

        def change(item):
            if selector is None:
                item["webhooks"][0].pop("namespaceSelector")
            else:
                item["webhooks"][0]["namespaceSelector"] = selector

        bare = with_changed(snapshot, VALIDATING_WEBHOOK, IMAGE_POLICY, change)
        (step,) = break_glass(world(bare, lab), namespaces=["kube-system"]).steps
        found = patched(bare.find(VALIDATING_WEBHOOK, IMAGE_POLICY), step.patch)["webhooks"][0]["namespaceSelector"]
        assert found["matchExpressions"][-1]["values"] == ["kube-system"]
        assert found.get("matchLabels") == (selector or {}).get("matchLabels")

    def test_it_is_seen_which_namespaces_of_the_cluster_itself_a_webhook_stands_before(self, expired):
        lab, snapshot = expired
        seen_by = world(snapshot, lab)
        (gate,) = (gate for gate in gates(seen_by) if gate.caller.name == IMAGE_POLICY)
        assert blocked(gate, seen_by) == ()  # it leaves out kube-system and its own
        everywhere = with_changed(
            snapshot, VALIDATING_WEBHOOK, IMAGE_POLICY,
            lambda item: item["webhooks"][0].update(namespaceSelector={}),
        )  # fmt: skip
        wide = world(everywhere, lab)
        (gate,) = (gate for gate in gates(wide) if gate.caller.name == IMAGE_POLICY)
        assert blocked(gate, wide) == ("kube-system", "platform")
        assert any("stands before kube-system platform too" in line for line in break_glass(wide).impact)

    def test_a_webhook_that_is_in_order_is_opened_only_by_its_name(self, labs):
        lab = labs[HEALTHY]
        healthy = world(seen(lab), lab)
        with pytest.raises(InputError, match="no webhook fails for its certificate") as caught:
            break_glass(healthy)
        assert IMAGE_POLICY in caught.value.do
        assert len(break_glass(healthy, IMAGE_POLICY).steps) == 1
        with pytest.raises(InputError, match="no webhook of that name refuses requests"):
            break_glass(healthy, "image-digest.platform.marlow.example")


class TestHosts:
    def test_each_control_plane_node_is_a_step_of_its_own(self, labs):
        lab = labs["expired-serving-certificate"]
        snapshot = seen(lab)
        more = []
        for name in ("cp-3", "cp-2"):
            node = deepcopy(next(node for node in snapshot.of(NODE) if node["metadata"]["name"] == "cp-1"))
            node["metadata"] |= {"name": name, "uid": name}
            more.append(node)
        three = world(replace(snapshot, objects={**snapshot.objects, NODE: (*more, *snapshot.of(NODE))}), lab)
        assert control_plane_nodes(three) == ("cp-1", "cp-2", "cp-3")
        plan = plan_in(three, lab.symptom)
        assert [step.host for step in plan.steps] == ["cp-1, cp-2, cp-3", "cp-1", "cp-2", "cp-3"]
        assert all("kubeadm certs renew apiserver" in " ".join(step.commands) for step in plan.steps[1:])
        assert all("kubeadm" not in command for command in plan.steps[0].commands)

    @pytest.mark.parametrize(
        ("name", "managed", "words"),
        [
            ("k3s", False, ["k3s etcd-snapshot save", "k3s"]),
            ("RKE2", False, ["rke2 etcd-snapshot save", "rke2"]),
            ("EKS", True, ["aws eks describe-cluster"]),
            ("GKE", True, ["start-credential-rotation"]),
            ("AKS", True, ["az aks rotate-certs"]),
            ("DOKS", True, ["doctl kubernetes"]),
        ],
    )
    @pytest.mark.parametrize(
        "incident",
        [
            "client-certificate-served",
            "damaged-certificate",
            "etcd-refused-by-clients",
            "expired-ca",
            "expired-serving-certificate",
            "file-missing",
            "key-mismatch",
            "missing-ip-san",
            "process-not-restarted",
            "swapped-pair",
            "truncated-certificate",
        ],
    )
    def test_the_commands_are_those_of_the_distribution(self, labs, served, *, name, managed, words, incident):
        lab = labs[incident]
        there = world(read_lab(lab, lab.now), lab, distribution=Distribution(name, managed, "v1.34.1"))
        plan = plan_in(there, lab.symptom)
        said = "\n".join(command for step in plan.steps for command in step.commands)
        assert [word for word in words if word not in said] == []
        assert "kubeadm" not in said
        assert "/etc/kubernetes/manifests" not in said
        assert ("certificate rotate-ca" in said) == (incident == "expired-ca" and not managed)

    def test_kubespray_has_a_script_of_its_own(self, labs):
        lab = labs["expired-serving-certificate"]
        text = json.dumps([file.path for file in seen(lab).files])
        assert "/etc/kubernetes/ssl" not in text
        moved = replace(
            seen(lab),
            files=tuple(
                replace(file, document=json.loads(json.dumps(file.document).replace(
                    "/etc/kubernetes/pki/etcd/ca.crt", "/etc/ssl/etcd/ssl/ca.pem")))
                if file.document else file
                for file in seen(lab).files
            ),
        )  # fmt: skip
        plan = plan_in(world(moved, lab), lab.symptom)
        assert "k8s-certs-renew.sh" in plan.steps[1].commands[0]
        said = "\n".join(command for step in plan.steps for command in step.commands)
        assert "crictl ps --name etcd" not in said, "its etcd is a service of the host"
        assert "admin-$(hostname).pem" in said
        assert "cp -a /etc/ssl/etcd/ssl" in said

    def test_an_expired_ca_is_made_again_with_its_key_and_workers_get_it_too(self, labs):
        lab = labs["expired-ca"]
        plan = plan_in(world(seen(lab), lab), lab.symptom)
        said = "\n".join(command for step in plan.steps for command in step.commands)
        assert "-signkey /etc/kubernetes/pki/ca.key" in said
        assert "set-cluster kubernetes" not in said, "the kubelet of a joined node calls its cluster otherwise"
        assert "{.clusters[0].name}" in said
        assert plan.steps[-1].host == "each worker node"
        assert "--embed-certs" in "\n".join(plan.steps[-1].commands)


class TestRenewal:
    def renewal(self, lab, days, roles=()):
        return renewal_remedy(world(seen(lab), lab), timedelta(days=days), roles)

    def said(self, remedy):
        return "\n".join(command for step in remedy.steps for command in step.commands)

    def test_nothing_is_renewed_where_nothing_ends(self, labs):
        assert self.renewal(labs[HEALTHY], 30).steps == ()

    def test_what_ends_is_renewed_and_each_program_restarted_once_etcd_first(self, labs):
        remedy = self.renewal(labs[HEALTHY], 330)
        said = self.said(remedy)
        for role in ("apiserver", "etcd-server", "admin.conf", "scheduler.conf"):
            assert f"kubeadm certs renew {role}" in said
        moves = [line for line in said.splitlines() if line.startswith("sudo mv /etc/kubernetes/manifests/")]
        programs = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
        assert [line.split("/")[4].split(".")[0] for line in moves] == list(programs)
        assert "certs renew ca" not in said
        assert "kubelet.conf" not in said, "kubelets renew their own"

    def test_a_secret_and_a_persons_kubeconfig_are_named_with_what_renews_them(self, labs):
        said = self.said(self.renewal(labs[HEALTHY], 330))
        assert "secret=platform/image-policy-tls" in said

    def test_a_ca_comes_before_what_it_signs(self, labs):
        remedy = self.renewal(labs["expired-ca"], 330)
        said = self.said(remedy)
        assert said.index("-signkey /etc/kubernetes/pki/ca.key") < said.index("kubeadm certs renew apiserver")

    def test_one_role_can_be_renewed_whenever_it_ends_and_an_unknown_one_is_refused(self, labs):
        said = self.said(self.renewal(labs[HEALTHY], 0, ["apiserver"]))
        assert said.count("kubeadm certs renew") == 1
        with pytest.raises(InputError, match="there is no certificate 'apiservr'"):
            self.renewal(labs[HEALTHY], 0, ["apiservr"])

    def test_cert_manager_renews_what_it_keeps(self, labs):
        lab = labs[HEALTHY]
        mark = {"cert-manager.io/certificate-name": "image-policy"}
        kept = with_changed(
            seen(lab), SECRET, "image-policy-tls", lambda item: item["metadata"].update(annotations=mark)
        )
        said = self.said(renewal_remedy(world(kept, lab), timedelta(days=330)))
        assert "cmctl renew -n platform image-policy" in said


def test_names_from_a_manifest_stay_one_word_of_a_command_and_change_no_patch(labs):
    lab = labs["webhook-expired"]
    evil = 'x\'; touch /tmp/owned #"},{"op":"remove"/O=system:masters'

    def rename(item):
        item["webhooks"][0]["clientConfig"]["service"]["name"] = evil

    snapshot = with_changed(seen(lab), VALIDATING_WEBHOOK, IMAGE_POLICY, rename)
    mark = {"cert-manager.io/certificate-name": evil}
    kept = with_changed(snapshot, SECRET, "image-policy-tls", lambda item: item["metadata"].update(annotations=mark))
    for there in (snapshot, kept):
        remedies = [renewal_remedy(world(there, lab), timedelta(days=330)), plan_in(world(there, lab), lab.symptom)]
        commands = [line for remedy in remedies for step in remedy.steps for line in step.commands]
        assert any("touch" in line for line in commands) == (there is kept)
        for line in commands:
            assert "touch" not in shlex.split(line, comments=False)
