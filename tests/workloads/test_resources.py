from __future__ import annotations

from decimal import Decimal

import pytest

from k8srun.errors import InputError
from k8srun.workloads.quantities import parse_quantity
from k8srun.workloads.resources import container_resources, obstacles
from tests.workloads.cluster import cluster, container, deployment, pod_spec, template_of


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", "0.25"), ("1", "1"), ("1.5", "1.5"), (".5", "0.5"), ("2.", "2"), ("1Ki", "1024"),
        ("1.5Gi", "1610612736"),
        ("1k", "1000"), ("1e3", "1000"), ("1E3", "1000"), ("1E", "1000000000000000000"), ("100n", "0.0000001"),
        ("-1", "-1"),
        (2, "2"),
    ],
)  # fmt: skip
def test_quantities_are_read_as_the_api_writes_them(text, number):
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1gi", "1KiB", "1m5", "one", True, None, "0x10", "١"])
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(InputError, match="is no quantity"):
        parse_quantity(text)


def limit_range(namespace: str = "shop", **fields) -> dict:
    spec = {"limits": [{"type": "Container", **fields}, {"type": "PersistentVolumeClaim", "max": {"cpu": "1m"}}]}
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "all", "namespace": namespace}, "spec": spec}


def quota(hard: dict, used: dict | None = None, **spec) -> dict:
    metadata = {"name": "all", "namespace": "shop"}
    status = {"hard": hard, "used": used or {}}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata,
        "spec": {"hard": hard, **spec},
        "status": status,
    }


def asking(requests: dict | None = None, limits: dict | None = None) -> dict:
    resources = {"requests": requests or {}, "limits": limits or {}}
    return deployment(spec=pod_spec(container(resources=resources)))


def reasons(item: dict, *others: dict) -> list[str]:
    return [one.reason for one in obstacles(cluster(item, *others), template_of(item))]


def completed(item: dict, *others: dict):
    (found,) = container_resources(cluster(item, *others), template_of(item))
    return found


def test_what_a_container_leaves_out_is_filled_in_as_the_server_does():
    found = completed(
        asking(limits={"memory": "1Gi"}), limit_range(default={"cpu": "1"}, defaultRequest={"cpu": "100m"})
    )

    assert found.requests == {"cpu": Decimal("0.1"), "memory": Decimal(2**30)}
    assert found.limits == {"cpu": Decimal(1), "memory": Decimal(2**30)}
    assert found.defaulted == ("limits.cpu", "requests.cpu")


def test_a_request_that_is_left_out_is_the_limit_before_it_is_a_default():
    found = completed(asking(limits={"cpu": "2"}), limit_range(defaultRequest={"cpu": "100m"}))

    assert found.requests == {"cpu": Decimal(2)}


def test_a_maximum_is_the_default_limit_and_a_limit_the_default_request():
    found = completed(asking(), limit_range(max={"cpu": "2"}))

    assert (found.requests, found.limits) == ({"cpu": Decimal(2)}, {"cpu": Decimal(2)})


def test_what_is_outside_of_a_limit_range_is_an_obstacle():
    assert reasons(asking({"cpu": "10m"}), limit_range(min={"cpu": "50m"})) == [
        "container web asks for less cpu than the minimum 0.05"
    ]
    assert reasons(asking(limits={"cpu": "3"}), limit_range(max={"cpu": "2"})) == [
        "container web has no cpu limit up to the maximum 2"
    ]
    assert reasons(asking({"cpu": "50m"}, {"cpu": "2"}), limit_range(min={"cpu": "50m"}, max={"cpu": "2"})) == []
    assert reasons(asking(limits={"cpu": "3"}), limit_range("other", max={"cpu": "2"})) == []


def test_a_pod_takes_what_runs_at_once():
    def one(name: str, cpu: str, **fields) -> dict:
        return container(name, resources={"limits": {"cpu": cpu}}, **fields)

    init = [one("setup", "3"), one("proxy", "500m", restartPolicy="Always"), one("wait", "1")]
    item = deployment(spec=pod_spec(one("web", "1"), one("log", "1"), initContainers=init))

    def fits(most: str) -> bool:
        return reasons(item, quota({"limits.cpu": most})) == []

    assert fits("3")  # `setup` alone; then 0.5 + 1, then 0.5 + 1 + 1
    assert not fits("2999m")


def test_what_a_quota_has_left_decides():
    used_up = quota({"requests.cpu": "2", "pods": "5"}, {"requests.cpu": "1900m", "pods": "5"})

    assert reasons(asking({"cpu": "200m"}), used_up) == [
        "requests.cpu: one pod needs 0.2, 0.1 of 2 is left", "pods: one pod needs 1, 0 of 5 is left",
    ]  # fmt: skip
    assert reasons(asking({"cpu": "100m"}), quota({"requests.cpu": "2"}, {"requests.cpu": "1900m"})) == []


def test_a_quota_of_limits_refuses_a_pod_that_says_none():
    assert reasons(asking({"memory": "1Gi"}), quota({"limits.memory": "2Gi"})) == [
        "container web must say limits.memory"
    ]
    assert (
        reasons(asking({"memory": "1Gi"}), quota({"limits.memory": "2Gi"}), limit_range(default={"memory": "1Gi"}))
        == []
    )


def test_quotas_of_other_things_are_left_out():
    assert reasons(asking(), quota({"services": "0", "requests.storage": "0"})) == []


NEIGHBOURS = {"topologyKey": "zone", "namespaceSelector": {}}


@pytest.mark.parametrize(
    ("scope", "spec", "counted"),
    [
        ({"scopes": ["Terminating"]}, {}, False),
        ({"scopes": ["Terminating"]}, {"activeDeadlineSeconds": 60}, True),
        ({"scopes": ["NotTerminating"]}, {}, True),
        ({"scopes": ["NotTerminating"]}, {"activeDeadlineSeconds": 60}, False),
        ({"scopes": ["BestEffort"]}, {}, True),
        ({"scopes": ["NotBestEffort"]}, {}, False),
        ({"scopes": ["NotBestEffort"]}, {"resources": {"requests": {"cpu": "1"}}}, True),
        ({"scopes": ["BestEffort", "Terminating"]}, {}, False),
        ({"scopes": ["PriorityClass"]}, {}, False),
        ({"scopes": ["PriorityClass"]}, {"priorityClassName": "high"}, True),
        ({"scopes": ["CrossNamespacePodAffinity"]}, {}, False),
        (
            {"scopes": ["CrossNamespacePodAffinity"]},
            {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [NEIGHBOURS]}}},
            True,
        ),
        (
            {"scopes": ["CrossNamespacePodAffinity"]},
            {
                "affinity": {
                    "podAntiAffinity": {
                        "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": NEIGHBOURS}]
                    }
                }
            },
            True,
        ),
        ({"scopes": ["Unheard"]}, {}, False),
    ],
)
def test_a_quota_with_scopes_counts_the_pods_that_are_in_all_of_them(scope, spec, counted):
    item = deployment(spec=pod_spec(container(), **spec))
    assert bool(reasons(item, quota({"pods": "0"}, **scope))) is counted


@pytest.mark.parametrize(
    ("operator", "values", "counted"),
    [
        ("In", ["high"], {"high"}),
        ("NotIn", ["high"], {"low", ""}),
        ("Exists", [], {"high", "low"}),
        ("DoesNotExist", [], {""}),
    ],
)
def test_a_quota_may_be_for_some_priorities(operator, values, counted):
    expression = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    bounded = quota({"pods": "0"}, scopeSelector={"matchExpressions": [expression]})
    named = ("high", "low", "")
    assert {
        name for name in named if reasons(deployment(spec=pod_spec(container(), priorityClassName=name)), bounded)
    } == counted


def test_what_a_pod_states_for_all_of_its_containers_counts_in_place_of_their_sum():
    stated = deployment(spec=pod_spec(container(), resources={"limits": {"cpu": "2", "memory": "1Gi"}}))

    assert reasons(stated, quota({"limits.cpu": "2", "requests.memory": "1Gi"})) == []
    assert reasons(stated, quota({"limits.cpu": "1"})) == ["limits.cpu: one pod needs 2, 1 of 1 is left"]
    assert reasons(stated, quota({"requests.memory": "1Mi"})) != [], "its request is its limit"


def test_only_cpu_and_memory_must_be_said_for_a_quota_of_them():
    bounded = quota({"ephemeral-storage": "1Gi", "requests.nvidia.com/gpu": "1", "hugepages-2Mi": "4Mi"})
    assert reasons(asking(), bounded) == []
    assert reasons(asking({"ephemeral-storage": "2Gi", "nvidia.com/gpu": "2", "hugepages-2Mi": "4Mi"}), bounded) == [
        "ephemeral-storage: one pod needs 2147483648, 1073741824 of 1073741824 is left",
        "requests.nvidia.com/gpu: one pod needs 2, 1 of 1 is left",
    ]


def test_a_quota_counts_what_the_runtime_class_adds():
    item = deployment(
        spec=pod_spec(container(resources={"requests": {"cpu": "1"}}), runtimeClassName="kata"),
    )
    kata = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "kata"},
        "handler": "kata",
        "overhead": {"podFixed": {"cpu": "250m"}},
    }
    assert reasons(item, quota({"cpu": "1"})) == []
    assert reasons(item, quota({"cpu": "1"}), kata) == ["cpu: one pod needs 1.25, 1 of 1 is left"]


def test_a_limit_may_be_only_so_many_times_the_request():
    ratio = limit_range(maxLimitRequestRatio={"cpu": "2"})

    assert reasons(asking({"cpu": "500m"}, {"cpu": "1"}), ratio) == []
    assert reasons(asking({"cpu": "499m"}, {"cpu": "1"}), ratio) == [
        "container web has no cpu limit up to 2 times its request"
    ]


def test_a_limit_range_for_whole_pods_counts_all_containers():
    bounded = limit_range()
    bounded["spec"]["limits"] = [{"type": "Pod", "max": {"cpu": "2"}}]
    one = {"limits": {"cpu": "1500m"}}
    two = deployment(spec=pod_spec(container(resources=one), container("log", resources=one)))

    assert reasons(asking(limits={"cpu": "1500m"}), bounded) == []
    assert reasons(two, bounded) == ["the pod has no cpu limit up to the maximum 2"]
