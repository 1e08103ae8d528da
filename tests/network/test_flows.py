"""Observed flows: three forms, and not a line lost without a word."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8srun.errors import InputError
from k8srun.network.flows import read_flows
from k8srun.network.flows_types import End, Flow

HUBBLE = {
    "flow": {
        "time": "2026-11-22T03:12:01.123Z",
        "verdict": "FORWARDED",
        "IP": {"source": "10.244.1.5", "destination": "10.244.2.6", "ipVersion": "IPv4"},
        "l4": {"TCP": {"source_port": 41234, "destination_port": 8080, "flags": {"SYN": True}}},
        "source": {"namespace": "shop", "pod_name": "web-6d5f-x2x4q",
                   "workloads": [{"name": "web", "kind": "Deployment"}],
                   "labels": ["k8s:app=web", "k8s:io.kubernetes.pod.namespace=shop"]},
        "destination": {"namespace": "shop", "pod_name": "cart-5c9f-abcde", "labels": ["k8s:app=cart"]},
        "Type": "L3_L4",
        "is_reply": False,
    },
    "node_name": "worker-1",
}  # fmt: skip
CALICO = {
    "start_time": 1795000000, "source_type": "wep", "source_namespace": "shop", "source_name": "-",
    "source_name_aggr": "web-6d5f-*", "source_ip": "10.244.1.5", "dest_type": "net", "dest_name": "-",
    "dest_name_aggr": "pub", "dest_namespace": "-", "dest_ip": "203.0.113.9", "dest_port": 443, "proto": "tcp",
    "action": "deny", "reporter": "src", "source_labels": {"labels": ["app=web", "tier=frontend"]},
}  # fmt: skip


def hubble(**changes):
    return json.dumps({**HUBBLE, "flow": {**HUBBLE["flow"], **changes}})


def test_a_line_of_hubble_gives_both_pods_with_their_labels():
    (flow,) = read_flows(hubble(), where="f").flows

    assert flow.source == End("shop", "web-6d5f-x2x4q", "web", (("app", "web"),))
    assert flow.destination == End("shop", "cart-5c9f-abcde", "", (("app", "cart"),))
    assert (flow.port, flow.protocol, flow.dropped) == (8080, "TCP", False)


def test_a_bare_flow_of_older_hubble_is_read_as_one_in_an_envelope():
    assert read_flows(json.dumps(HUBBLE["flow"]), where="f") == read_flows(hubble(), where="f")


def test_what_hubble_calls_dropped_is_dropped():
    assert read_flows(hubble(verdict="DROPPED"), where="f").flows[0].dropped


def test_an_end_outside_of_the_cluster_is_its_address_and_a_node_is_a_node():
    text = hubble(source={"labels": ["reserved:world"]}) + "\n" + hubble(source={"labels": ["reserved:host"]})

    outside, node = read_flows(text, where="f").flows

    assert (outside.source.address, outside.source.host) == ("10.244.1.5", False)
    assert node.source.host


def test_answers_icmp_and_hubbles_own_events_are_passed_over_and_counted():
    lines = [hubble(is_reply=True), hubble(l4={"ICMPv4": {"type": 8}}), '{"lost_events": {"num_events_lost": 3}}']

    found = read_flows("\n".join([*lines, hubble()]), where="f")

    assert len(found.flows) == 1
    assert found.passed_over == {"an answer": 1, "protocol ICMPv4": 1, "an event of Hubble's own (lost_events)": 1}
    assert found.bad == ()


def test_a_line_of_calico_names_the_workload_where_the_pods_were_taken_together():
    (flow,) = read_flows(json.dumps(CALICO), where="f").flows

    assert flow.source == End("shop", "", "web-6d5f", (("app", "web"), ("tier", "frontend")), "10.244.1.5")
    assert flow.destination == End(address="203.0.113.9")
    assert (flow.port, flow.protocol, flow.dropped) == (443, "TCP", True)


def test_calicos_lines_as_a_search_engine_gives_them_out_are_read_too():
    assert read_flows(json.dumps([{"_index": "tigera", "_source": CALICO}]), where="f").flows == (
        read_flows(json.dumps(CALICO), where="f").flows
    )


def test_a_csv_names_its_ends_as_people_write_them():
    found = read_flows("from,to,port,protocol\nshop/web,shop/cart,8080,TCP\nshop/cart,203.0.113.9,53,udp\n", where="f")

    assert found.flows == (
        Flow(End(name="shop/web"), End(name="shop/cart"), 8080),
        Flow(End(name="shop/cart"), End(name="203.0.113.9"), 53, "UDP"),
    )


def test_a_csv_may_order_its_columns_differently_and_leave_the_protocol_out():
    (flow,) = read_flows("Port, To, From\n8080, shop/cart, shop/web\n", where="f").flows

    assert (str(flow.source), str(flow.destination), flow.port, flow.protocol) == ("shop/web", "shop/cart", 8080, "TCP")


def test_the_same_flow_is_kept_once_with_how_often_it_was_seen():
    (flow,) = read_flows("\n".join([hubble()] * 3), where="f").flows

    assert flow.count == 3


@pytest.mark.parametrize(
    ("text", "number", "reason"),
    [
        (hubble() + "\n{broken\n" + hubble(), 2, "is not valid JSON"),
        (hubble() + "\n[1, 2]\n", 2, "is a JSON list, not an object"),
        (hubble() + '\n{"what": 1}\n', 2, "neither Hubble's nor Calico's fields"),
        (hubble() + "\n" + hubble(l4={"TCP": {"destination_port": 70000}}), 2, "70000 is no port"),
        (hubble() + "\n" + hubble(verdict="PERHAPS"), 2, "its verdict is 'PERHAPS'"),
        (hubble() + "\n" + json.dumps({**CALICO, "action": "shrug"}), 2, "its action is 'shrug'"),
        ("from,to,port\na/b,c/d,80\na/b,c/d,http\n", 3, "'http' is no port"),
        ("from,to,port\na/b,c/d,80\n,c/d,80\n", 3, "names not both ends"),
    ],
)
def test_a_bad_line_is_reported_with_its_number_and_the_others_are_kept(text, number, reason):
    found = read_flows(text, where="flows.json")

    assert len(found.flows) == 1
    assert [line.number for line in found.bad] == [number]
    assert reason in found.bad[0].reason


def test_a_bad_line_is_shown_inert_short_and_without_secrets():
    found = read_flows(hubble() + '\n{"password": "hunter2", "\u202e' + "x" * 500, where="f")

    assert "hunter2" not in str(found.bad[0])
    assert "\u202e" not in str(found.bad[0])
    assert len(str(found.bad[0])) < 400


@pytest.mark.parametrize("text", ["{broken", "what is this?", "from,port\na/b,80\n", "[1, 2]", "[broken"])
def test_a_file_without_any_flow_is_refused_and_says_what_is_wanted(text):
    with pytest.raises(InputError) as caught:
        read_flows(text, where="flows.json")

    assert caught.value.where == "flows.json"


def test_an_empty_file_holds_no_flow():
    assert read_flows("\n \n", where="f").flows == ()


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 70000) | st.text(max_size=6) | st.just("FORWARDED"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["flow", "source", "destination", "l4", "TCP", "IP", "labels", "verdict", "workloads", "destination_port",
         "action", "dest_port", "_source", "proto", "source_labels", "is_reply", "pod_name"]), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(
    st.lists(st.dictionaries(st.sampled_from(["flow", "verdict", "source", "action", "dest_port"]), _JSON), max_size=5)
)
def test_every_json_line_is_a_flow_or_reported_or_counted(values):
    text = "\n".join(json.dumps(value) for value in values)
    try:
        found = read_flows(text, where="f")
    except InputError:
        return
    assert sum(flow.count for flow in found.flows) + len(found.bad) + sum(found.passed_over.values()) == len(values)
