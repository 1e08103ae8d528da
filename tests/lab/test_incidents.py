"""The incidents' descriptions: complete, in the catalogue's words, and a folder each."""

from __future__ import annotations

import base64
import json
import string
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from k8srun.certificates.causes import CAUSES
from k8srun.errors import InputError
from k8srun.lab import DEFAULT_INCIDENT, INCIDENTS, Incident, Lab, build, incident, incidents
from tests.lab.helpers import copied_incident, objects_of

NOW = datetime(2026, 5, 1, 3, 0, tzinfo=UTC)
EVERY = pytest.mark.parametrize("described", incidents(), ids=lambda described: described.name)


def test_the_lab_knows_its_incidents() -> None:
    assert {described.name for described in incidents()} >= {
        "expired-serving-certificate", "ca-rebuilt", "missing-ip-san", "leaf-as-ca", "wrong-client-ca", "clock-skew",
        "plain-http",
    }  # fmt: skip
    assert incident(DEFAULT_INCIDENT).name == DEFAULT_INCIDENT


@EVERY
def test_an_incident_says_what_is_wrong_and_what_answer_is_expected(described: Incident) -> None:
    assert all(
        (described.title, described.domain, described.runbook, described.symptom, described.wrong, described.fix)
    )


@EVERY
def test_the_expected_cause_is_one_that_a_diagnosis_can_give(described: Incident) -> None:
    if described.domain == "certificates":
        assert {described.cause, *described.hides} <= set(CAUSES)


@EVERY
def test_a_symptom_is_filled_in(described: Incident, labs: dict[str, Lab]) -> None:
    lab = labs[described.name]
    placeholders = [name for _, name, _, _ in string.Formatter().parse(described.symptom) if name]

    assert not [name for name in placeholders if f"{{{name}" in lab.symptom]
    written = described.symptom.strip().replace("{{", "{").replace("}}", "}")
    assert (lab.symptom == written) == (placeholders == [])


def test_an_expiry_is_told_with_the_dates_of_this_lab(tmp_path: Path) -> None:
    symptom = build(tmp_path / "lab", "expired-serving-certificate", NOW).symptom

    assert symptom.endswith("current time 2026-05-01T03:00:00Z is after 2026-04-29T03:00:00Z")


def test_a_wrong_clock_is_told_as_that_clock_has_it(tmp_path: Path) -> None:
    symptom = build(tmp_path / "lab", "clock-skew", NOW).symptom

    assert symptom.startswith("E1213 03:00:00.000000")
    assert "current time 2021-12-13T03:00:00Z is before 2025-03-27T03:00:00Z" in symptom


def test_a_refused_client_certificate_is_named_alike_in_the_symptom_and_in_the_nodes_log(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab", "wrong-client-ca", NOW)
    log = next(lab.node_root.glob("var/log/pods/kube-system_kube-apiserver-cp-1_*/kube-apiserver/0.log")).read_text()
    staging = x509.load_pem_x509_certificate((lab.node_root / "etc/kubernetes/pki/ca.crt").read_bytes())
    ski = staging.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex(":").upper()

    assert log.startswith("2026-05-01T03:00:00.000000000Z stderr F E0501 03:00:00.000000 ")
    assert lab.symptom.splitlines()[-1] == log.strip().partition("stderr F ")[2]
    assert f"AKID={ski} " not in log


def test_an_unknown_incident_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no incident clock-screw in the lab\n  Did you mean clock-skew"):
        build(tmp_path / "lab", "clock-screw", NOW)
    assert list(tmp_path.iterdir()) == []


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    copied_incident(tmp_path, "plain-http")

    with pytest.raises(InputError, match="no incident"):
        incident("../" + tmp_path.name + "/plain-http", tmp_path)


def test_adding_a_folder_adds_an_incident(tmp_path: Path) -> None:
    copied_incident(
        tmp_path,
        "expired-serving-certificate",
        as_name="soon",
        pki={"certificates": {"apiserver": {"not_after": "+1d"}}},
    )
    copied_incident(tmp_path, "plain-http")

    assert [described.name for described in incidents(tmp_path)] == ["plain-http", "soon"]
    lab = build(tmp_path / "lab", "soon", NOW, folder=tmp_path)
    served = x509.load_pem_x509_certificate((lab.node_root / "etc/kubernetes/pki/apiserver.crt").read_bytes())
    assert served.not_valid_after_utc == datetime(2026, 5, 2, 3, 0, tzinfo=UTC)


def test_an_incident_may_change_what_people_wrote_and_the_controllers_follow(tmp_path: Path) -> None:
    folder = copied_incident(tmp_path, "plain-http", as_name="renamed")
    (folder / "manifests.yaml").write_text(
        "{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {selector: {app: webb}}}\n---\n"
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, $patch: delete,"
        " metadata: {name: redis, namespace: shop}}\n---\n"
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: new, namespace: shop}, data: {a: b}}\n"
    )
    objects = {
        (item["kind"], item["metadata"]["name"]): item
        for item in objects_of(build(tmp_path / "lab", "renamed", NOW, folder=tmp_path))
        if item["metadata"].get("namespace") == "shop"
    }

    slices = [item for (kind, name), item in objects.items() if kind == "EndpointSlice" and name.startswith("web-")]
    assert [item["endpoints"] for item in slices] == [[]]
    assert objects["Service", "web"]["spec"]["ports"][0]["port"] == 80
    assert ("NetworkPolicy", "redis") not in objects
    assert objects["ConfigMap", "new"]["metadata"]["uid"]


def test_a_pod_that_is_done_is_no_endpoint(tmp_path: Path) -> None:
    folder = copied_incident(tmp_path, "plain-http", as_name="late")
    (folder / "manifests.yaml").write_text(
        "{apiVersion: v1, kind: Service, metadata: {name: late, namespace: shop},"
        " spec: {selector: {app: sitemap}, ports: [{port: 80}]}}\n"
    )
    objects = objects_of(build(tmp_path / "lab", "late", NOW, folder=tmp_path))
    (found,) = [item for item in objects if item["kind"] == "EndpointSlice" and "late-" in item["metadata"]["name"]]

    assert found["endpoints"] == []


def test_an_incident_may_change_what_became_of_it(tmp_path: Path) -> None:
    folder = copied_incident(tmp_path, "plain-http", as_name="crashing")
    (folder / "state.yaml").write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: redis-0, namespace: shop},"
        " status: {phase: Failed, podIP: null}}\n"
    )
    pods = [
        item for item in objects_of(build(tmp_path / "lab", "crashing", NOW, folder=tmp_path)) if item["kind"] == "Pod"
    ]
    (redis,) = [pod for pod in pods if pod["metadata"]["name"] == "redis-0"]

    assert redis["status"]["phase"] == "Failed"
    assert "podIP" not in redis["status"]
    assert redis["status"]["hostIP"]


def test_an_incident_may_change_the_control_planes_flags_and_the_mirror_pod_follows(tmp_path: Path) -> None:
    folder = copied_incident(tmp_path, "plain-http", as_name="open")
    (folder / "static-pods.yaml").write_text(
        "{apiVersion: v1, kind: Pod, metadata: {name: etcd, namespace: kube-system}, spec: {hostNetwork: false}}\n"
    )
    lab = build(tmp_path / "lab", "open", NOW, folder=tmp_path)
    (mirror,) = [item for item in objects_of(lab) if item["kind"] == "Pod" and item["metadata"]["name"] == "etcd-cp-1"]

    assert "hostNetwork: false" in (lab.node_root / "etc/kubernetes/manifests/etcd.yaml").read_text()
    assert mirror["spec"]["hostNetwork"] is False


def test_a_token_says_what_the_servers_own_say(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab", "expired-token", NOW)
    config = yaml.safe_load(lab.kubeconfig.read_text())
    payload = config["users"][0]["user"]["token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    assert claims.keys() >= {"aud", "exp", "iat", "iss", "kubernetes.io", "nbf", "sub"}
    (account,) = (
        item for item in objects_of(lab)
        if item["kind"] == "ServiceAccount" and item["metadata"]["name"] == "deployer"
    )  # fmt: skip
    assert claims["kubernetes.io"]["serviceaccount"] == {"name": "deployer", "uid": account["metadata"]["uid"]}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"cuase": "x"}, r"unknown field `cuase`"),
        ({"fix": "renew"}, r"Expected `array`.*fix"),
        ({"serve": "ftp"}, r"Invalid enum value 'ftp'.*serve"),
        ({"pki": {"certificates": {"apiserver": {"not_aftr": "-2d"}}}}, r"unknown field `not_aftr`"),
        ({"pki": {"certificates": {"apiserver": {"not_after": "yesterday"}}}}, r"'yesterday' is not an offset"),
        ({"pki": {"certificates": {"apiserver": {"usages": ["serving"]}}}}, r"Invalid enum value 'serving'"),
        ({"pki": {"trusts": {"workstation": "nobody"}}}, r"no certificate 'nobody'"),
        ({"pki": {"certificates": {"etcd/peer": None}}}, r"no certificate 'etcd/peer'"),
        ({"pki": {"authorities": {"ca": {"issuer": "nobody"}}}}, r"no certificate 'nobody'"),
        ({"pki": {"certificates": {"apiserver": {"sends": ["nobody"]}}}}, r"no certificate 'nobody'"),
        ({"pki": {"certificates": {"etcd/peer": {"issuer": "etcd/peer", "sha1": True}}}}, r"only .* RSA key signs"),
        ({"served": "nobody"}, r"no certificate 'nobody'"),
        ({"files": {"/etc/nowhere": {"removed": True}}}, r"no file /etc/nowhere"),
        ({"files": {"/etc/hostname": {"certificate": "nobody"}}}, r"no certificate 'nobody'"),
        ({"kubeconfig": {"user": {"token": "${tokn 2d}"}}}, r"unknown placeholder \$\{tokn 2d\}"),
        ({"symptom": "after {not_after:nobody}"}, r"no certificate 'nobody'"),
        ({"clock": "slow"}, r"'slow' is not an offset"),
        ({"symptom": "at {where}"}, r"symptom of plain-http: unknown placeholder"),
        ({"logs": {"kube-apiserver": ["{nobody}"]}}, r"unknown placeholder(?s:.*)\{identifier\}"),
        ({"logs": {"kube-apiserver": ["{now.year}"]}}, r"unknown placeholder"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_by_name(tmp_path: Path, changes: dict, complaint: str) -> None:
    copied_incident(tmp_path, "plain-http", **changes)

    with pytest.raises(InputError, match=complaint):
        build(tmp_path / "lab", "plain-http", NOW, folder=tmp_path)


def test_a_description_that_is_no_yaml_is_refused_with_its_file(tmp_path: Path) -> None:
    folder = copied_incident(tmp_path, "plain-http")
    (folder / "incident.yaml").write_text("title: [")

    with pytest.raises(InputError, match=r"plain-http/incident.yaml: is not valid YAML"):
        incidents(tmp_path)


def test_an_empty_description_is_refused(tmp_path: Path) -> None:
    folder = copied_incident(tmp_path, "plain-http")
    (folder / "incident.yaml").write_text("")

    with pytest.raises(InputError, match="one description"):
        incidents(tmp_path)


def test_incidents_are_described_in_folders_of_plain_files() -> None:
    assert {path.name for path in INCIDENTS.rglob("*") if path.is_file()} <= {
        "incident.yaml", "manifests.yaml", "state.yaml", "static-pods.yaml",
    }  # fmt: skip
