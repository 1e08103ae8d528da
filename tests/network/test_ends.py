"""The ends of a question: names of the cluster's DNS, Services of every type, and many pods as one end."""

from __future__ import annotations

import pytest

from k8srun.errors import InputError
from k8srun.kinds import POD
from k8srun.network.asking import ask
from k8srun.network.decision import Verdict
from k8srun.network.diagnosis import diagnose
from k8srun.network.diagnosis_case import Ends
from k8srun.network.symptoms import read
from k8srun.network.world import World
from k8srun.snapshot import Area, Gap, GapReason
from tests.network.cluster import DENY, SHOP, namespace, pod, policy, service, snapshot
from tests.network.test_questions import NODE, asked, ids, owned

PAY = (
    namespace("pay")
    + "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: pay}\nspec: {replicas: 2, template:"
    " {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: x, ports: [{containerPort: 5432}]}]}}}"
    "\n---\n"
    + service("pay/db", {"app": "db"}, port="80", target="5432", clusterIP="None")
    + policy("pay/db", "{podSelector: {}, ingress: [{ports: [{port: 443}]}]}")
)


@pytest.mark.parametrize(
    "name", ["db.pay", "db.pay.svc", "db.pay.svc.cluster.local.", "db-1.db.pay.svc.cluster.local", "db-0.db.pay"]
)
def test_a_name_of_the_clusters_dns_is_its_service_or_pod_and_never_taken_for_the_outside(name):
    answer = asked(SHOP, PAY, destination=name)
    assert (answer.verdict, answer.ingress.isolated_by) == (Verdict.DENIED, ("NetworkPolicy pay/db",))


def test_a_name_made_of_an_address_is_the_pod_that_has_it():
    assert asked(SHOP, PAY, destination="10-1-0-4.shop.pod.cluster.local").destination == "shop/db[Pod]"


@pytest.mark.parametrize("said", [Ends(), Ends("nosuch/web", "pay/db")])
def test_what_tells_neither_a_failure_nor_two_ends_is_not_answered(said):
    assert not diagnose(World(snapshot(SHOP, PAY)), read("nothing that anybody prints"), said).recognised
    assert diagnose(World(snapshot(SHOP, PAY)), read("dial tcp 10.0.0.9:5432: i/o timeout"), said).recognised


@pytest.mark.parametrize(
    "name", ["nosuch.pay", "nosuch.pay.svc", "db-x.db.pay.svc", "a.b.c.d.svc", "x.pod.cluster.local", "y.cluster.local"]
)
def test_a_name_of_the_clusters_dns_that_nothing_has_is_an_error(name):
    with pytest.raises(InputError):
        asked(SHOP, PAY, destination=name)


def test_a_final_dot_makes_a_name_one_of_the_outside_whatever_namespaces_there_are():
    assert asked(SHOP, PAY, destination="nosuch.pay.").destination == "nosuch.pay."


def named(name, target):
    return service(name, {}, type="ExternalName", externalName=target)


def test_an_external_name_of_the_cluster_is_the_service_that_it_leads_to():
    answer = asked(SHOP, PAY, named("shop/ext", "db.pay.svc.cluster.local"), destination="shop/ext")
    assert (answer.verdict, answer.destination) == (Verdict.DENIED, "shop/ext[Service]")
    assert "external-name" in ids(answer)


@pytest.mark.parametrize("target", ["nosuch.pay.svc.cluster.local", "ext.shop.svc.cluster.local"])
def test_an_external_name_that_leads_nowhere_or_back_is_unknown_and_blocks(target):
    answer = asked(SHOP, PAY, named("shop/ext", target), destination="shop/ext")
    assert answer.verdict is Verdict.UNKNOWN
    assert any(one.blocks for one in answer.obstacles if one.id == "external-name")


def test_clients_of_a_headless_service_reach_the_port_that_they_ask_for_and_no_other():
    open_443 = [SHOP, PAY]
    assert asked(*open_443, destination="pay/db", port="443").verdict is Verdict.ALLOWED
    answer = asked(*open_443, destination="pay/db", port="80")
    assert (answer.port, answer.verdict) == (80, Verdict.DENIED)
    assert "port-not-declared" in ids(answer)
    assert asked(*open_443, destination="pay/db", port="").port == 5432


def test_a_pod_that_its_service_sends_back_to_itself_is_unknown_where_policies_would_matter():
    own = service("shop/web", {"app": "web"})
    assert asked(SHOP, own, destination="shop/web", port="").verdict is Verdict.ALLOWED
    assert asked(SHOP, own, destination="service/shop/web", port="").verdict is Verdict.ALLOWED
    answer = asked(SHOP, own, policy("shop/deny", DENY), destination="service/shop/web", port="")
    assert (answer.verdict, "not defined" in answer.ingress.reason) == (Verdict.UNKNOWN, True)


def test_of_very_many_pods_that_policies_tell_apart_an_allowed_is_unknown_and_said_so():
    many = "".join(pod(f"shop/x-{n}", f"10.2.{n // 250}.{n % 250}", app="x", turn=str(n)) for n in range(70))
    blocks = policy(
        "shop/p", "{podSelector: {matchLabels: {app: x}}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}"
    )
    answer = asked(SHOP, many, blocks, destination="shop/", port="80")
    assert (answer.verdict, "not-all-compared" in ids(answer)) == (Verdict.UNKNOWN, True)
    # Labels that no policy names tell nobody apart, however many there are.
    assert "not-all-compared" not in ids(asked(SHOP, many, destination="shop/", port="80"))


def test_of_pods_on_two_nodes_that_one_of_the_nodes_asks_for_the_worst_answer_stands():
    two = pod("shop/db-0", "10.1.0.5", node="n1", app="d") + pod("shop/db-1", "10.1.0.6", node="n2", app="d")
    two = two.replace("labels:", owned("StatefulSet", "two"))
    answer = ask(
        World(snapshot(namespace("shop"), NODE, two, policy("shop/deny", DENY))), "192.168.0.1", "shop/two", port="80"
    )
    assert answer.verdict is Verdict.DENIED
    assert "differs-between-pods" in ids(answer)


def test_pods_that_are_not_ready_are_no_obstacle_where_their_service_says_so():
    slow = namespace("shop") + pod("shop/slow", "10.1.0.5", ["http=8080"], ready=False, app="slow")
    said = asked(
        SHOP, slow, service("shop/s", {"app": "slow"}, publishNotReadyAddresses=True), destination="shop/s", port="80"
    )
    assert "pods-not-ready" not in ids(said)


def test_an_endpoint_that_is_a_pod_without_its_services_selector_is_judged_as_that_pod():
    pointed = service("shop/s", {}) + (
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: s-1, namespace: shop, labels:"
        " {kubernetes.io/service-name: s}}\naddressType: IPv4\nendpoints: [{addresses: [10.1.0.4]}]\n---\n"
    )
    answer = asked(
        SHOP, pointed, policy("shop/deny", "{podSelector: {matchLabels: {app: db}}}"), destination="shop/s", port="80"
    )
    assert (answer.verdict, answer.ingress.isolated_by) == (Verdict.DENIED, ("NetworkPolicy shop/deny",))


BALANCED = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: b, namespace: shop}\nspec: {type: LoadBalancer, clusterIP:"
    " 10.96.0.3,"
    " externalIPs: [203.0.113.7], selector: {app: db}, ports: [{port: 443, targetPort: 5432, nodePort: 30443}]}\n"
    "status: {loadBalancer: {ingress: [{ip: 203.0.113.5}]}}\n---\n"
)


@pytest.mark.parametrize(("end", "port"), [("203.0.113.5", "443"), ("203.0.113.7", "443"), ("192.168.0.1", "30443")])
def test_the_address_of_a_load_balancer_and_the_port_on_every_node_are_the_service_behind_them(end, port):
    answer = asked(SHOP, NODE, BALANCED, policy("shop/deny", DENY), source="198.51.100.1", destination=end, port=port)
    assert (answer.destination, answer.port, answer.verdict) == ("shop/b[Service]", 5432, Verdict.DENIED)


def test_another_port_of_a_node_is_the_node():
    answer = asked(SHOP, NODE, BALANCED, source="198.51.100.1", destination="192.168.0.1", port="22")
    assert answer.destination == "192.168.0.1"


def test_a_client_whose_address_a_node_may_replace_is_not_surely_allowed_by_it():
    def through(block, kind="Cluster"):
        rule = f"{{podSelector: {{}}, ingress: [{{from: [{{ipBlock: {{cidr: {block}}}}}]}}]}}"
        said = BALANCED.replace("type:", f"externalTrafficPolicy: {kind}, type:")
        answer = asked(
            SHOP, NODE, said, policy("shop/p", rule), source="198.51.100.1", destination="shop/b", port="443"
        )
        return answer.verdict

    assert through("198.51.100.0/24") is Verdict.UNKNOWN
    assert through("198.51.100.0/24", "Local") is Verdict.ALLOWED
    assert through("0.0.0.0/0") is Verdict.ALLOWED
    assert through("192.0.2.0/24") is Verdict.DENIED


INGRESS = (
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: front, namespace: shop}\nspec: {defaultBackend:"
    " {service: {name: db, port: {number: 80}}}}\n---\n"
)


def test_behind_an_ingress_the_controller_counts_and_a_client_of_the_outside_is_unknown_where_policies_matter():
    front = service("shop/db", {"app": "db"}, target="5432") + INGRESS
    outside = "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 198.51.100.0/24}}]}]}"
    ends = {"source": "198.51.100.1", "destination": "ingress/shop/front", "port": ""}
    assert asked(SHOP, front, **ends).verdict is Verdict.ALLOWED
    answer = asked(SHOP, front, policy("shop/p", outside), **ends)
    assert (answer.verdict, "controller" in answer.ingress.reason) == (Verdict.UNKNOWN, True)
    controller = asked(SHOP, front, policy("shop/p", outside), **{**ends, "source": "shop/web"})
    assert (controller.verdict, "ingress-controller" in ids(controller)) == (Verdict.DENIED, True)


def test_a_block_of_addresses_is_no_end_and_the_error_says_so():
    with pytest.raises(InputError, match="block of addresses"):
        asked(SHOP, source="10.0.0.0/8")


def test_an_address_may_be_a_pod_where_pods_were_refused_and_an_allowed_is_unknown():
    refused = Gap(Area.OBJECTS, str(POD), GapReason.FORBIDDEN, "403", "GET /api/v1/pods")
    world = World(snapshot(SHOP, NODE, gaps=[refused]))
    answer = ask(world, "shop/web", "10.1.0.77", port="80")
    assert (answer.verdict, "pods-not-read" in ids(answer)) == (Verdict.UNKNOWN, True)
    assert ask(world, "10.1.0.77", "shop/web", port="80").verdict is Verdict.UNKNOWN
    assert ask(world, "shop/web", "8.8.8.8", port="53/UDP").verdict is Verdict.ALLOWED
    assert ask(world, "shop/web", "192.168.0.1", port="80").verdict is Verdict.ALLOWED


@pytest.mark.parametrize("ends", [("8.8.8.8", "1.1.1.1"), ("192.0.2.1", "example.com"), ("2001:db8::1", "8.8.8.8")])
def test_two_ends_outside_of_the_cluster_are_an_error_since_no_policy_is_asked(ends):
    source, destination = ends
    with pytest.raises(InputError, match="in the cluster: no policy is asked"):
        asked(SHOP, source=source, destination=destination)


SLICE = """
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ext-1, namespace: shop, labels: {kubernetes.io/service-name: ext}}
addressType: IPv4
ports: [{name: web, port: 9376, protocol: TCP}, {name: admin, port: 9999, protocol: TCP}]
endpoints: [{addresses: [%s]}]
---
"""


@pytest.mark.parametrize(("address", "verdict"), [("192.0.2.7", Verdict.ALLOWED), ("10.1.0.4", Verdict.DENIED)])
def test_a_service_without_selector_leads_to_the_port_of_its_endpoints_whatever_its_target_port(address, verdict):
    ext = service("shop/ext", None, clusterIP="None", ports=[{"name": "web", "port": 80, "targetPort": "http"}])
    only = policy("shop/db", "{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 80}]}]}")
    answer = asked(SHOP, ext, SLICE % address, only, destination="shop/ext", port="")
    assert (answer.port, answer.verdict) == (9376, verdict)


def test_a_name_that_no_service_has_is_not_taken_for_a_pod_in_the_hint():
    with pytest.raises(InputError) as caught:
        asked(SHOP, destination="db.shop")
    assert "db" not in caught.value.do
