"""ABAC policies made by chance, against an API server that is started with them."""

from __future__ import annotations

import random
from typing import Any

import urllib3

from k8srun.authorization.abac import read_policies
from k8srun.authorization.reviews import review_of
from k8srun.codec import encode, parse_json
from tests.authorization.generated import Generated
from tests.controlplane.pki import SERVER

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
WORDS = {
    "user": ("jane", "Jane", "*", "", "system:serviceaccount:authz-a:web"),
    "group": ("dev", "*", "", "", "system:authenticated"),
    "namespace": ("authz-a", "*", ""),
    "resource": ("pods", "secrets", "*", ""),
    "apiGroup": ("", "apps", "*"),
    "nonResourcePath": ("/healthz", "/foo*", "*", "", "/a**"),
}


def abac_lines(chance: random.Random) -> list[str]:
    """Policies with every field there is, filled by chance."""
    made = []
    for _ in range(40):
        spec: dict[str, Any] = {name: chance.choice(values) for name, values in WORDS.items() if chance.random() < 0.7}
        if chance.random() < 0.3:
            spec["readonly"] = True
        policy = {"apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": spec}
        made.append(encode(policy).decode())
    return made


def test_abac_policies_are_evaluated_as_the_server_evaluates_them(control_plane, tmp_path, monkeypatch):
    chance = random.Random(5)
    lines = abac_lines(chance)
    file = tmp_path / "abac.jsonl"
    file.write_text("# by chance\n" + "\n".join(lines) + "\n")
    flags = ("--authorization-mode=ABAC", f"--authorization-policy-file={file}")
    monkeypatch.setattr(control_plane, "_apiserver_args", (*control_plane._apiserver_args, *flags))
    generated = Generated(5, "authz-abac-")
    asked = [(generated.identity(), generated.request()) for _ in range(800)]
    policies = read_policies(file.read_text(), where=str(file))
    credential = control_plane._credential("kubernetes-super-admin", ("system:masters",))
    serving = control_plane.authority.issue("kube-apiserver", usages=SERVER, sans=("127.0.0.1",))
    answers = []
    with (
        control_plane.second_apiserver(serving) as url,
        urllib3.PoolManager(
            cert_file=str(credential), ca_cert_data=control_plane.ca_pem.decode(), retries=False
        ) as pool,
    ):
        for pair in asked:
            headers = {"Content-Type": "application/json"}
            answer = pool.request("POST", url + REVIEWS, body=encode(review_of(*pair)), headers=headers)
            answers.append(parse_json(answer.data)["status"]["allowed"])

    ours = [any(policy.allows(*pair) for policy in policies) for pair in asked]
    assert [pair for pair, our, theirs in zip(asked, ours, answers, strict=True) if our is not theirs] == []
    assert 0.05 < sum(answers) / len(answers) < 0.95
