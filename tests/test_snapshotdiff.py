from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from k8srun.fieldchanges import Change, field_changes
from k8srun.hostfiles import HostFile, Topic
from k8srun.kinds import CONFIG_MAP, DEPLOYMENT, NAMESPACE, NODE, ROLE, SECRET
from k8srun.pem import read_pem
from k8srun.snapshot import Area, Gap, GapReason, Need, ServerInfo, Snapshot
from k8srun.snapshotdiff import diff
from k8srun.tls import HandshakeOutcome, TlsObservation

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def deployment(**spec):
    return {"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop", "uid": "1"}, "spec": spec}


def snapshot(kind=DEPLOYMENT, *items, **fields):
    given = {"objects": {kind: items}, "observed": frozenset({Need.objects(kind)}), **fields}
    return Snapshot(NOW, **given)


def changes(old, new, kind=DEPLOYMENT):
    (item,) = diff(snapshot(kind, old), snapshot(kind, new)).objects
    return [(field.path, field.change, field.old, field.new) for field in item.fields]


def certificate(not_after):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "web")])
    return (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(NOW - timedelta(days=400)).not_valid_after(not_after).sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )  # fmt: skip


# --- objects ------------------------------------------------------------------------------------------------------


def test_two_equal_snapshots_have_no_difference():
    assert diff(snapshot(DEPLOYMENT, deployment()), snapshot(DEPLOYMENT, deployment())).empty


def test_objects_are_added_removed_and_changed_by_name():
    items = {name: {**deployment(), "metadata": {"name": name, "namespace": "shop"}} for name in "abc"}
    changed = {**items["b"], "spec": {"replicas": 2}}
    found = diff(snapshot(DEPLOYMENT, items["a"], items["b"]), snapshot(DEPLOYMENT, changed, items["c"]))
    assert [(item.what, item.change) for item in found.objects] == [
        ("Deployment.apps shop/a", Change.REMOVED),
        ("Deployment.apps shop/c", Change.ADDED),
        ("Deployment.apps shop/b", Change.CHANGED),
    ]
    assert not found.empty


def test_a_field_is_named_by_a_pointer_with_the_names_of_list_items():
    old = deployment(replicas=1, containers=[{"name": "web", "image": "a"}, {"name": "log", "image": "x"}])
    new = deployment(replicas=2, containers=[{"name": "log", "image": "x"}, {"name": "web", "image": "b"}])
    assert changes(old, new) == [
        ("/spec/replicas", Change.CHANGED, 1, 2),
        ("/spec/containers/web/image", Change.CHANGED, "a", "b"),
    ]


def test_a_slash_in_a_key_is_escaped():
    old, new = deployment(), deployment()
    new["metadata"] = {**old["metadata"], "annotations": {"a/b~c": "x"}}
    assert changes(old, new)[0][0] == "/metadata/annotations"
    old["metadata"] = {**old["metadata"], "annotations": {}}
    assert changes(old, new)[0][0] == "/metadata/annotations/a~1b~0c"


def test_an_item_that_came_or_went_is_one_change():
    old, new = (
        deployment(containers=[{"name": "a"}, {"name": "b"}]),
        deployment(containers=[{"name": "a"}, {"name": "c"}]),
    )
    assert changes(old, new) == [
        ("/spec/containers/b", Change.REMOVED, {"name": "b"}, None),
        ("/spec/containers/c", Change.ADDED, None, {"name": "c"}),
    ]


def test_items_without_a_name_are_the_same_wherever_they_stand():
    first, second, third = ({"verbs": [verb]} for verb in ("get", "list", "watch"))
    old, new = ({"metadata": {"name": "r"}, "rules": rules} for rules in ([first, second], [third, first, second]))
    assert changes(old, new, ROLE) == [("/rules/0", Change.ADDED, None, third)]
    widened = {"metadata": {"name": "r"}, "rules": [second, {"verbs": ["get", "delete"]}]}
    assert changes(old, widened, ROLE) == [("/rules/0/verbs", Change.CHANGED, ["get"], ["get", "delete"])]


def test_an_item_that_stands_twice_counts_twice():
    rule = {"verbs": ["get"]}
    old, new = ({"metadata": {"name": "r"}, "rules": rules} for rules in ([rule, rule], [rule]))
    assert changes(old, new, ROLE) == [("/rules/1", Change.REMOVED, rule, None)]


def test_true_is_not_one_and_null_is_as_good_as_absent():
    assert changes(deployment(paused=1), deployment(paused=True)) == [("/spec/paused", Change.CHANGED, 1, True)]
    assert diff(snapshot(DEPLOYMENT, deployment(paused=None)), snapshot(DEPLOYMENT, deployment())).empty


def test_what_changes_by_itself_is_no_difference():
    old = {"metadata": {"name": "n", "resourceVersion": "1", "generation": 1, "managedFields": [{"time": "1"}]},
           "status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "1"}]}}  # fmt: skip
    new = {"metadata": {"name": "n", "resourceVersion": "2", "generation": 2, "managedFields": [{"time": "2"}]},
           "status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": "2"}]}}  # fmt: skip
    assert diff(snapshot(NODE, old), snapshot(NODE, new)).empty
    new["status"]["conditions"][0]["status"] = "False"
    assert changes(old, new, NODE) == [("/status/conditions/Ready/status", Change.CHANGED, "True", "False")]


def test_an_object_made_again_under_its_name_is_told():
    old, new = deployment(), {**deployment(), "metadata": {"name": "web", "namespace": "shop", "uid": "2"}}
    (item,) = diff(snapshot(DEPLOYMENT, old), snapshot(DEPLOYMENT, new)).objects
    assert (item.replaced, item.fields) == (True, ())


def test_a_secret_whose_hidden_value_may_have_changed_shows_it_by_its_resource_version():
    data = {"password": {"type": "opaque", "bytes": 7}}
    old, new = ({"metadata": {"name": "s", "resourceVersion": version}, "data": data} for version in "12")
    assert changes(old, new, SECRET) == [("/metadata/resourceVersion", Change.CHANGED, "1", "2")]


@pytest.mark.parametrize("form", ["pem", "text", "caBundle"])
def test_a_certificate_is_compared_by_what_it_says(form):
    import base64

    import msgspec

    def value(pem):
        block = msgspec.to_builtins(read_pem(pem)[0])
        return {"pem": {"type": "pem", "blocks": [block]}, "text": pem.decode(),
                "caBundle": base64.b64encode(pem).decode()}[form]  # fmt: skip

    old, new = (
        {"metadata": {"name": "s"}, "data": {"ca.crt": value(certificate(NOW + timedelta(days=days)))}}
        for days in (1, 365)
    )
    found = {path.rpartition("/")[2]: (old, new) for path, _, old, new in changes(old, new, CONFIG_MAP)}
    assert found["not_after"] == ("2026-11-23T00:00:00+00:00", "2027-11-22T00:00:00+00:00")
    assert {"sha256", "public_key_sha256"} <= found.keys()
    assert "subject" not in found


# --- what one side could not read ---------------------------------------------------------------------------------


def test_what_the_new_snapshot_could_not_read_is_unknown_and_not_removed():
    gap = Gap(Area.OBJECTS, "Deployment.apps", GapReason.FORBIDDEN, "403")
    new = Snapshot(NOW, observed=frozenset({Need.objects(DEPLOYMENT)}), gaps=(gap,))
    found = diff(snapshot(DEPLOYMENT, deployment()), new)
    assert (found.objects, found.gaps_appeared) == ((), (gap,))
    (unknown,) = found.unknown
    assert (unknown.what, unknown.missing_in, unknown.items) == (
        "Deployment.apps objects", "new", ("Deployment.apps shop/web",)
    )  # fmt: skip
    assert "forbidden (403)" in unknown.reason


def test_what_the_old_snapshot_did_not_look_at_is_unknown_and_not_added():
    found = diff(Snapshot(NOW), snapshot(DEPLOYMENT, deployment()))
    assert found.objects == ()
    assert [(item.missing_in, "not supplied" in item.reason) for item in found.unknown] == [("old", True)]


def test_what_both_hold_is_compared_even_where_one_is_incomplete():
    gap = Gap(Area.OBJECTS, "Deployment.apps", GapReason.INTERRUPTED)
    found = diff(snapshot(DEPLOYMENT, deployment(a=1), gaps=(gap,)), snapshot(DEPLOYMENT, deployment(a=2)))
    assert len(found.objects) == 1
    assert found.gaps_gone == (gap,)


# --- host files, endpoints, the cluster ---------------------------------------------------------------------------


def host(*files):
    return Snapshot(NOW, files=files, observed=frozenset({Need.host(Topic.PKI), Need.host(Topic.LOG)}))


def test_a_host_file_is_compared_by_mode_and_content():
    def file(days, mode):
        pem = read_pem(certificate(NOW + timedelta(days=days)))
        return HostFile("/pki/ca.crt", Topic.PKI, "n1", mode=mode, modified=NOW + timedelta(days=days), pem=pem)

    (item,) = diff(host(file(1, 0o600)), host(file(2, 0o644))).files
    paths = [field.path for field in item.fields]
    assert (item.what, item.change) == ("/pki/ca.crt on n1", Change.CHANGED)
    assert "/mode" in paths
    assert "/pem/0/not_after" in paths
    assert "/modified" not in paths


def test_a_host_file_comes_and_goes_and_is_unknown_where_nobody_looked():
    file = HostFile("/pki/ca.crt", Topic.PKI)
    assert [item.change for item in diff(host(), host(file)).files] == [Change.ADDED]
    assert [item.change for item in diff(host(file), host()).files] == [Change.REMOVED]
    found = diff(host(file), Snapshot(NOW))
    assert (found.files, [unknown.what for unknown in found.unknown]) == ((), ["host files (PKI)"])


def test_a_log_that_grew_is_no_difference():
    old, new = (HostFile("/var/log/a", Topic.LOG, text=text, size=len(text)) for text in ("a", "ab"))
    assert diff(host(old), host(new)).empty


def seen(port=6443, **fields):
    return TlsObservation("10.0.0.1", port, NOW, fields.pop("outcome", HandshakeOutcome.COMPLETED), **fields)


def test_an_endpoint_is_compared_by_what_it_presented():
    chains = [(read_pem(certificate(NOW + timedelta(days=days)))[0].der,) for days in (1, 2)]
    old, new = (Snapshot(NOW, endpoints=(seen(presented=chain, seconds=n),)) for n, chain in enumerate(chains))
    (item,) = diff(old, new).endpoints
    assert item.what == "10.0.0.1:6443 from this machine"
    assert "/presented/0/not_after" in [field.path for field in item.fields]
    assert "/seconds" not in [field.path for field in item.fields]


def test_an_endpoint_that_was_not_tried_is_unknown():
    found = diff(Snapshot(NOW, endpoints=(seen(),)), Snapshot(NOW, endpoints=(seen(port=443),)))
    assert found.endpoints == ()
    assert [(unknown.missing_in, unknown.reason) for unknown in found.unknown] == [
        ("new", "not tried"),
        ("old", "not tried"),
    ]


def test_whether_both_are_of_one_cluster_is_told_where_it_is_known():
    def of(uid):
        return Snapshot(NOW, server=ServerInfo(uid=uid, version=f"v{uid}"))

    def by_namespace(uid):
        return snapshot(NAMESPACE, {"metadata": {"name": "kube-system", "uid": uid}})

    assert diff(of("1"), of("1")).same_cluster is True
    assert diff(of("1"), of("2")).same_cluster is False
    assert diff(of("1"), by_namespace("1")).same_cluster is True
    assert diff(of("1"), Snapshot(NOW)).same_cluster is None
    assert ("/version", "v1", "v2") in [(field.path, field.old, field.new) for field in diff(of("1"), of("2")).server]


# --- properties ---------------------------------------------------------------------------------------------------

_VALUES = st.recursive(
    st.sampled_from([None, True, 1, "a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b"]), inner, max_size=3),
    max_leaves=8,
)
_OBJECTS = st.dictionaries(st.sampled_from(["a", "b", "c"]), _VALUES, max_size=3)


@given(_OBJECTS)
def test_an_object_does_not_differ_from_itself(value):
    assert list(field_changes(value, copy.deepcopy(value))) == []


@given(_OBJECTS, _OBJECTS)
def test_the_difference_backwards_is_the_difference_turned_round(old, new):
    forward = {(str(field.old), str(field.new), field.change) for field in field_changes(old, new)}
    turned = {Change.ADDED: Change.REMOVED, Change.REMOVED: Change.ADDED, Change.CHANGED: Change.CHANGED}
    backward = {(str(field.new), str(field.old), turned[field.change]) for field in field_changes(new, old)}
    assert forward == backward
