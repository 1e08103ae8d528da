from __future__ import annotations

import base64
import json
import random

import pytest

from k8srun.kinds import SECRET, SERVICE_ACCOUNT
from k8srun.snapshot import Area, Gap, GapReason
from k8srun.sources.reduce import reduce_object
from k8srun.sources.registry.login import read_docker_config
from k8srun.workloads.images import parse_image
from k8srun.workloads.pull_secrets import PullSecrets, SecretState, pull_secrets
from tests.workloads.cluster import cluster, deployment, pod, pod_spec, registry_secret, service_account, template_of
from tests.workloads.goimages import ask

IMAGE = parse_image("registry.example/shop/web:1")


def asked(item: dict, *others: dict, gaps: tuple[Gap, ...] = ()) -> PullSecrets:
    return pull_secrets(cluster(item, *others, gaps=gaps), template_of(item))


def naming(*names: str) -> dict:
    return pod_spec(imagePullSecrets=[{"name": name} for name in names])


def reduced(value: bytes, kind: str = "kubernetes.io/dockerconfigjson", key: str = ".dockerconfigjson") -> dict:
    """A Secret as it comes from the server, reduced as sources do it."""
    data = {key: base64.b64encode(value).decode()}
    metadata = {"name": "pull", "namespace": "shop"}
    return dict(reduce_object({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "data": data}))


def test_a_pods_own_secrets_are_taken_and_its_service_accounts_only_where_it_has_none():
    account = service_account(imagePullSecrets=[{"name": "shared"}])
    own, shared = registry_secret("own", "a.example"), registry_secret("shared", "b.example")

    assert [one.name for one in asked(deployment(spec=naming("own")), account, own, shared).secrets] == ["own"]
    (found,) = asked(deployment(), account, own, shared).secrets
    assert (found.name, found.origin) == ("shared", "ServiceAccount shop/default")


def test_a_pod_that_runs_has_what_its_service_account_had_when_it_was_made():
    account = service_account(imagePullSecrets=[{"name": "shared"}])

    assert asked(pod(uid="u"), account).secrets == ()
    assert [one.name for one in asked(pod(), account).secrets] == ["shared"]


def test_the_credentials_of_all_secrets_are_tried_in_the_kubelets_order():
    found = asked(
        deployment(spec=naming("first", "second")),
        registry_secret("first", "registry.example", "quay.io"),
        registry_secret("second", "https://registry.example/shop/", kind="kubernetes.io/dockercfg"),
    )

    assert [(key.secret, key.host) for key in found.matching(IMAGE)] == [
        ("second", "https://registry.example/shop/"),
        ("first", "registry.example"),
    ]


DOCKER = {"registry.example": {"auth": base64.b64encode(b"user:hunter2").decode()}}


@pytest.mark.parametrize(
    ("secret", "state"),
    [
        (reduced(json.dumps({"auths": DOCKER}).encode()), SecretState.READ),
        (reduced(json.dumps(DOCKER).encode(), "kubernetes.io/dockercfg", ".dockercfg"), SecretState.READ),
        (reduced(b'{"auths": {'), SecretState.MALFORMED),
        (reduced(b'{"auths": []}'), SecretState.MALFORMED),
        (reduced(b'{"auths": {"registry.example": 1}}'), SecretState.MALFORMED),
        (reduced(b'{"auths": {"registry.example": {"auth": "no colon"}}}'), SecretState.MALFORMED),
        (reduced(b'{"auths": {}}'), SecretState.EMPTY),
        (reduced(b""), SecretState.EMPTY),
        (reduced(json.dumps({"auths": DOCKER}).encode(), key="config.json"), SecretState.EMPTY),
        (reduced(json.dumps({"auths": DOCKER}).encode(), "Opaque"), SecretState.WRONG_TYPE),
    ],
)
def test_what_a_secret_holds_decides_whether_it_is_used(secret, state):
    found = asked(deployment(spec=naming("pull")), secret)

    assert found.secrets[0].state is state
    assert bool(found.matching(IMAGE)) is (state is SecretState.READ)
    assert "hunter2" not in repr(found)


def test_one_malformed_secret_keeps_the_kubelet_from_using_any():
    found = asked(
        deployment(spec=naming("good", "pull")), registry_secret("good", "registry.example"), reduced(b"{"),
    )  # fmt: skip

    assert found.malformed
    assert found.malformed.name == "pull"
    assert found.matching(IMAGE) == ()


def test_a_missing_secret_does_not_keep_the_others_from_being_used():
    found = asked(deployment(spec=naming("absent", "good")), registry_secret("good", "registry.example"))

    assert [one.state for one in found.secrets] == [SecretState.MISSING, SecretState.READ]
    assert len(found.matching(IMAGE)) == 1


def test_what_could_not_be_read_is_a_gap_and_not_missing():
    secrets = Gap(Area.OBJECTS, str(SECRET), GapReason.FORBIDDEN)
    accounts = Gap(Area.OBJECTS, str(SERVICE_ACCOUNT), GapReason.FORBIDDEN)

    assert asked(deployment(spec=naming("pull")), gaps=(secrets,)).secrets[0].state is SecretState.UNREADABLE
    assert asked(deployment(spec=naming("pull")), gaps=(secrets,)).gaps == (secrets,)
    assert asked(deployment(), gaps=(accounts,)).gaps == (accounts,)


def test_a_secret_of_another_namespace_is_not_taken():
    found = asked(deployment(spec=naming("pull")), registry_secret("pull", "registry.example", namespace="other"))

    assert found.secrets[0].state is SecretState.MISSING


def test_the_key_that_nearly_matches_is_named():
    found = asked(deployment(spec=naming("pull")), registry_secret("pull", "registry.example:5000"))

    assert found.matching(IMAGE) == ()
    near = found.nearly(IMAGE)
    assert near is not None
    assert near.host == "registry.example:5000"


_AUTHS = (
    "dTpw", "dTpwYXNz", "dTpwYXM=", "dTpwYXM", "dTpwYQ==", "dTpwYQ", "dTpwYQ=", "dTpw\n", "dTp\r\nw", "dTpw ", " dTpw",
    "dTpw=", "OnA=", "dTo=", "Og==", "Og", "dXNlcg==", "", "dTp3Onc=", "_-Tpw", "dTpw!", "5Tp/", "AA==", "dTpwYR==",
    "dTpwAA==", 5, None,
)  # fmt: skip
_FIELDS = {
    "auth": _AUTHS,
    "Username": ("U", None),
    "username": ("u", "", 5, None, "ü"),
    "password": ("p", "", True, None),
    "email": ("e", 5, None),
    "identitytoken": ("t", 5),
}
_ODD = (
    "", "null", "[]", "5", '"x"', "{}", "{", '{"auths": null}', '{"auths": []}', '{"auths": {"a": null}}',
    '{"auths": {"a": 1}}', '{"Auths": {"a": {"username": "u"}}}', '{"auths": {"a": {}}} x', "\ufeff{}",
    '{"auths": {"a": {"username": "u"}}, "credsStore": "s"}', '{"a": {"username": "u"}}', '{"a": 1}',
    '{"auths": {"a": [] } }', '{"auths": {"a": {"auth": {}}}}',
)  # fmt: skip


def drawn_configurations(count: int) -> list[tuple[bytes, bool]]:
    rng = random.Random(3)
    found = [(odd.encode(), legacy) for odd in _ODD for legacy in (True, False)]
    for _ in range(count):
        names = rng.sample(list(_FIELDS), rng.choice((0, 1, 1, 2, 3)))
        entries = {
            host: {name: rng.choice(_FIELDS[name]) for name in names} for host in rng.sample(("a", "b:5", ""), 1)
        }
        legacy = rng.random() < 0.3
        found.append((json.dumps(entries if legacy else {"auths": entries}).encode(), legacy))
    return found


def test_docker_configurations_are_read_as_the_kubelet_reads_them(kubelet_images):
    questions = drawn_configurations(2_000)

    answers = ask(
        kubelet_images,
        [{"config": base64.b64encode(config).decode(), "legacy": legacy} for config, legacy in questions],
    )

    read = 0
    for (config, legacy), answer in zip(questions, answers, strict=True):
        key = ".dockercfg" if legacy else ".dockerconfigjson"
        found = reduced(config, f"kubernetes.io/{key[1:]}", key)["data"][key]
        errors = found.get("error") or [entry["error"] for entry in found["registries"] if "error" in entry]
        logins = {} if errors else read_docker_config(config, where="x", legacy=legacy)
        expected = {
            host: tuple(base64.b64decode(part) for part in login) for host, login in (answer["logins"] or {}).items()
        }
        assert bool(errors) == bool(answer["logins"] is None), (config, errors, answer["error"])
        assert {
            host: tuple(part.encode(errors="surrogateescape") for part in (login.username, login.password))
            for host, login in logins.items()
        } == expected, config
        read += not errors
    assert 500 < read < 1_900
