"""Who a credential is, how a server lets people in, and what runs as which ServiceAccount."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from k8srun.authorization.attributes import Identity
from k8srun.authorization.checks import CHECKS
from k8srun.authorization.identities import authenticators, of_certificate, of_claims, of_kubeconfig_user, of_server
from k8srun.authorization.modes import modes
from k8srun.authorization.rbac import Rbac
from k8srun.authorization.serviceaccounts import service_accounts
from k8srun.checks import evaluate
from k8srun.findings import Severity
from k8srun.kubeconfig import KubeconfigUser
from k8srun.snapshot import ServerInfo
from k8srun.x509 import Certificate
from tests.authorization.check_cases import RBAC, account, granted, healthy, pod, token_secret, with_more
from tests.authorization.cluster import NOW, binding, cluster_role, role, rule, snapshot
from tests.authorization.test_chain import apiserver
from tests.certificates.model import CLIENT_AUTH, authority, key, leaf

WEB = "system:serviceaccount:shop:web"
CA = authority("kubernetes", key("P-256", 1))


def certificate(subject="jane", **more) -> Certificate:
    entry = leaf(subject, key("P-256", 2), CA, usages=(CLIENT_AUTH,), **more)
    return replace(Certificate.from_der(entry.der()), not_before=NOW - timedelta(1), not_after=NOW + timedelta(1))


def test_a_client_certificate_is_its_common_name_and_organizations():
    who = of_certificate(replace(certificate(), organizations=("dev", "system:masters")), NOW)

    assert who.identity == Identity("jane", ("dev", "system:masters", "system:authenticated"))
    assert any("past every authorizer" in warning for warning in who.warnings)


def test_a_certificate_that_has_ended_or_names_nobody_says_so():
    ended = replace(certificate(), not_after=NOW - timedelta(hours=1))
    assert "it has ended" in of_certificate(ended, NOW).warnings
    assert of_certificate(replace(certificate(), common_name=""), NOW).identity is None
    serving = replace(certificate(), extended_key_usages=("serverAuth",))
    assert any("client authentication" in warning for warning in of_certificate(serving, NOW).warnings)


def test_a_bound_token_is_its_service_account_with_lifetime_audience_and_pod():
    claims = {
        "sub": WEB, "aud": ["https://kubernetes.default.svc"],
        "iat": NOW.timestamp() - 60, "exp": NOW.timestamp() + 3540,
        "kubernetes.io": {"namespace": "shop", "pod": {"name": "web-0"}, "serviceaccount": {"name": "web"}},
    }  # fmt: skip
    who = of_claims(claims, NOW)

    assert (who.method, who.identity) == ("bound token", Identity.of_service_account("shop", "web"))
    assert "made for 3600 seconds" in who.facts
    assert "bound to pod web-0: it ends with it" in who.facts
    assert of_claims({**claims, "exp": NOW.timestamp()}, NOW).warnings == ("it has ended",)


def test_a_legacy_token_is_flagged():
    who = of_claims({"sub": WEB, "kubernetes.io/serviceaccount/secret.name": "web-token"}, NOW)

    assert (who.method, who.facts) == ("legacy token", ("kept in Secret web-token",))
    assert "does not end" in who.warnings[0]


OIDC = {"oidc-issuer-url": "https://id.example", "oidc-groups-claim": "teams"}


@pytest.mark.parametrize(
    ("flags", "user", "groups"),
    [
        (OIDC, "https://id.example#u1", ("dev",)),
        ({**OIDC, "oidc-username-claim": "email"}, "jane@example.com", ("dev",)),
        ({**OIDC, "oidc-username-prefix": "oidc:", "oidc-groups-prefix": "oidc:"}, "oidc:u1", ("oidc:dev",)),
        ({**OIDC, "oidc-username-prefix": "-"}, "u1", ("dev",)),
    ],
)
def test_an_oidc_token_is_mapped_by_the_servers_flags(flags, user, groups):
    claims = {"iss": "https://id.example", "sub": "u1", "email": "jane@example.com", "teams": ["dev"]}

    assert of_claims(claims, NOW, flags).identity == Identity(user, (*groups, "system:authenticated"))


def test_an_oidc_token_without_the_flags_or_the_claim_is_nobody_we_know():
    claims = {"iss": "https://id.example", "sub": "u1"}

    assert of_claims(claims, NOW).identity is None
    assert of_claims(claims, NOW, {**OIDC, "oidc-username-claim": "upn"}).identity is None
    other = of_claims({**claims, "iss": "https://other.example"}, NOW, OIDC)
    assert any("https://id.example alone" in warning for warning in other.warnings)


@pytest.mark.parametrize("claims", [{}, {"sub": 3}, {"exp": "soon", "iss": []}, {"exp": 1e300}, {"kubernetes.io": {}}])
def test_claims_of_any_shape_are_read(claims):
    assert of_claims(claims, NOW).identity is None


def test_a_kubeconfig_user_is_told_as_far_as_the_file_tells():
    assert of_kubeconfig_user(KubeconfigUser("x", token_claims={"sub": WEB}), NOW).method == "legacy token"
    plugin = of_kubeconfig_user(KubeconfigUser("x", "exec plugin", exec_command="aws"), NOW)
    assert (plugin.identity, plugin.method) == (None, "exec plugin")
    broken = of_kubeconfig_user(KubeconfigUser("x", "client certificate", error="not readable"), NOW)
    assert broken.warnings == ("not readable",)


def test_the_servers_own_word_is_taken_where_it_was_asked():
    assert of_server(ServerInfo()) is None
    assert of_server(ServerInfo(username="jane", groups=("dev",))).identity == Identity("jane", ("dev",))


def test_the_ways_in_are_read_from_the_flags_and_static_files_are_flagged():
    flags = ("--client-ca-file=/ca.crt", "--token-auth-file=/tokens.csv", "--anonymous-auth=false",
             "--enable-bootstrap-token-auth=false", "--oidc-issuer-url=https://id.example")  # fmt: skip
    found = {item.method: item for item in authenticators(modes(snapshot(files=(apiserver(*flags),))))}

    assert set(found) == {"client certificate", "static token file", "OIDC token"}
    assert [method for method, item in found.items() if item.warning] == ["static token file"]
    assert authenticators(modes(snapshot())) == ()


def accounts(*items):
    seen = snapshot(*items)
    return {str(item).removeprefix("ServiceAccount "): item for item in service_accounts(seen, Rbac.of(seen))}


@pytest.mark.parametrize(
    ("of_pod", "of_account", "mounted", "explicit"),
    [(None, None, True, ""), (False, None, False, "pod"), (None, False, False, "ServiceAccount"),
     (True, False, True, "pod"), (False, True, False, "pod")],
)  # fmt: skip
def test_the_pods_own_setting_of_automount_goes_before_the_accounts(of_pod, of_account, mounted, explicit):
    spec = {} if of_pod is None else {"automountServiceAccountToken": of_pod}
    more = {} if of_account is None else {"automountServiceAccountToken": of_account}

    (usage,) = accounts(account("shop", "web", **more), pod("shop", "web-0", "web", **spec))["shop/web"].usages
    assert (usage.automount, usage.explicit) == (mounted, explicit)


def test_a_pod_that_still_runs_as_what_an_older_template_said_is_a_use_of_that_account():
    spec = {"serviceAccountName": "new", "containers": [{"name": "app", "image": "registry.example/app:1"}]}
    owner = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "web", "namespace": "shop", "uid": "s-1"},
        "spec": {"template": {"spec": spec}},
    }
    left = pod("shop", "web-0", "old")
    left["metadata"]["ownerReferences"] = [{"kind": "StatefulSet", "name": "web", "uid": "s-1", "controller": True}]

    found = accounts(owner, left)

    assert [usage.workload for usage in found["shop/old"].usages] == ["Pod shop/web-0"]
    assert [usage.workload for usage in found["shop/new"].usages] == ["StatefulSet.apps shop/web"]


def test_accounts_that_are_only_named_are_listed_as_missing():
    found = accounts(
        pod("shop", "web-0", "gone"),
        binding("stock", "b", "Role r", "ServiceAccount shop/other"),
        account("shop", "web"),
    )

    assert {name: item.exists for name, item in found.items()} == {
        "shop/gone": False, "shop/other": False, "shop/web": True,
    }  # fmt: skip
    assert [item.name for item in found["shop/other"].from_elsewhere] == ["b"]


def test_tokens_in_secrets_are_told_apart_by_who_made_them_and_when_they_were_used():
    found = accounts(
        account("shop", "web", secrets=[{"name": "web-token-x"}]),
        token_secret("shop", "web-token-x", "web", **{"kubernetes.io/legacy-token-last-used": "2026-11-01"}),
        token_secret("shop", "by-hand", "web", **{"kubernetes.io/legacy-token-invalid-since": "2026-11-20"}),
    )

    tokens = {token.name: token for token in found["shop/web"].tokens}
    assert (tokens["web-token-x"].by_hand, tokens["web-token-x"].last_used) == (False, "2026-11-01")
    assert (tokens["by-hand"].by_hand, tokens["by-hand"].invalid_since) == (True, "2026-11-20")


def test_projected_tokens_and_cloud_identities_are_read():
    source = {"serviceAccountToken": {"audience": "vault", "expirationSeconds": 7200, "path": "token"}}
    volumes = [{"name": "t", "projected": {"sources": [source]}}]
    spec = pod("shop", "web-0", "web", volumes=volumes)
    cloud = account("shop", "web")
    cloud["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/web"}

    found = accounts(cloud, spec)["shop/web"]
    assert found.usages[0].projected == ((7200, "vault"),)
    assert found.cloud == ("AWS role (IRSA) arn:aws:iam::1:role/web",)


def check(name, seen):
    return evaluate(next(item for item in CHECKS if item.id == name), seen, NOW)


def test_a_legacy_token_that_the_server_refuses_already_is_no_finding():
    gone = token_secret("shop", "t", "web", **{"kubernetes.io/legacy-token-invalid-since": "2026-11-20"})
    assert check("SA-LEGACY-TOKEN", with_more(gone)()).findings == ()


def test_what_reaches_kube_system_or_the_whole_cluster_is_graded_higher():
    def severity(namespace):
        items = role(namespace, "r", rule("create", "pods")), binding(namespace, "b", "Role r", "User eve")
        return check("RBAC-POD-CREATE", with_more(*items)()).findings[0].severity

    assert (severity("shop"), severity("kube-system")) == (Severity.HIGH, Severity.CRITICAL)


@pytest.mark.parametrize(
    ("check_", "rule_"),
    [
        ("RBAC-ESCALATE", rule("bind", "clusterroles", group="rbac.authorization.k8s.io")),
        ("RBAC-ESCALATE", rule("impersonate", "userextras/scopes", group="authentication.k8s.io")),
        ("RBAC-ESCALATE", rule("impersonate:user-info", "users", group="authentication.k8s.io")),
        ("RBAC-TOKEN-CREATE", rule("create", "serviceaccounts/token")),
    ],
)
def test_what_makes_somebody_stronger_is_critical_unless_it_ends_at_a_namespace_of_no_privilege(check_, rule_):
    found = [check(check_, granted(rule_, namespace=space)()).findings for space in ("", "kube-system", "shop")]
    assert [[one.severity for one in each] for each in found] == [
        [Severity.CRITICAL], [Severity.CRITICAL], [Severity.HIGH],
    ]  # fmt: skip


def test_who_removes_pods_or_closes_nodes_but_not_both_chooses_no_node():
    assert check("RBAC-DRAIN", granted(rule("patch", "nodes"))()).findings == ()
    assert check("RBAC-DRAIN", granted(rule("delete", "pods"))()).findings == ()
    # In a namespace alone nobody writes nodes.
    assert check("RBAC-DRAIN", granted(rule("patch,delete", "nodes,pods"), namespace="shop")()).findings == ()
    # By two bindings it is both.
    pods = role("shop", "r", rule("delete", "pods")), binding("shop", "r", "Role r", "User eve")
    nodes = cluster_role("n", rule("update", "nodes")), binding("", "n", "ClusterRole n", "User eve")
    assert len(check("RBAC-DRAIN", with_more(*pods, *nodes)()).findings) == 1


def test_a_label_does_not_make_a_grant_the_systems_own():
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    hidden = binding("", "system:ops", "ClusterRole cluster-admin", "User eve", labels=labels)

    assert len(check("RBAC-CLUSTER-ADMIN", with_more(hidden)()).findings) == 1
    assert check("RBAC-CLUSTER-ADMIN", healthy()).findings == ()


def test_rules_for_names_are_dangerous_only_where_requests_carry_names():
    named = role("shop", "r", rule("create", "pods", names="x")), binding("shop", "b", "Role r", "User eve")
    assert check("RBAC-POD-CREATE", with_more(*named)()).findings == ()


def test_a_grant_that_names_what_is_meant_is_told_with_the_names_and_graded_lower():
    named = granted(rule("create", "serviceaccounts/token", names="cni"))()
    (finding,) = check("RBAC-TOKEN-CREATE", named).findings
    assert finding.severity is Severity.MEDIUM
    assert finding.message.endswith("can make tokens of ServiceAccounts there, of cni alone")


def test_a_name_that_leads_to_cluster_admin_stays_critical_as_a_path():
    bind = rule("bind", "clusterroles", group=RBAC, names="cluster-admin")
    found = check("RBAC-PATHS", granted(bind, rule("create", "clusterrolebindings", group=RBAC))()).findings
    assert [one.severity for one in found if "eve" in one.message] == [Severity.CRITICAL]
