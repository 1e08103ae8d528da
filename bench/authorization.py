"""RBAC of a large cluster: the index, reviews, who-can, attack paths; against a scan as the API server does it.

Both answer the same reviews on the same roles and bindings, and their answers are compared. Sizes are those of the
largest clusters that were reported: 5,000 bindings with 1,400 roles, and 50,000 with 20,000.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.chain import NEEDS, Authorization
from k8srun.authorization.matching import allows
from k8srun.authorization.model import Binding
from k8srun.authorization.paths import attack_paths
from k8srun.authorization.rbac import Rbac
from k8srun.authorization.whocan import Finder, who_can
from k8srun.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING, ROLE, ROLE_BINDING
from k8srun.snapshot import Snapshot
from k8srun.sources.garbage import collector_paused

SIZES = ((5_000, 1_400), (50_000, 20_000))
REVIEWS = 2_000
SCANNED = 20
SECRETS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def main(arguments: list[str] | None = None) -> None:
    for bindings, roles in SIZES if not arguments else [(int(arguments[0]), int(arguments[1]))]:
        if arguments:
            _measure(bindings, roles)
        else:  # a process of its own, so that the peak of one does not hide that of the other
            subprocess.run([sys.executable, "-m", "bench.authorization", str(bindings), str(roles)], check=True)


def _measure(bindings: int, roles: int) -> None:
    print(f"  {bindings:,} bindings, {roles:,} roles")
    with collector_paused():
        snapshot = _cluster(bindings, roles)
    before = _peak()
    built, authorization = _timed(lambda: Authorization.of(snapshot))
    asked = list(_reviews(authorization.rbac))
    each = [_timed(lambda pair=pair: authorization.review(*pair))[0] for pair in asked]
    review = statistics.median(each)
    indexed, finder = _timed(lambda: _finder(authorization.rbac))
    single, found = _timed(lambda: who_can(authorization, _secrets("get", "ns-7"), finder=finder))
    together, _ = _timed(lambda: [who_can(authorization, _secrets(verb, "ns-7"), finder=finder) for verb in SECRETS])
    whole, all_ = _timed(
        lambda: [who_can(authorization, _secrets(verb), anywhere=True, finder=finder) for verb in SECRETS]
    )
    walked, paths = _timed(lambda: attack_paths(authorization.rbac, snapshot))
    scanned = [_compared(authorization.rbac, pair, authorization.rbac.bindings) for pair in asked[:SCANNED]]
    spaces = _by_namespace(authorization.rbac)
    narrowed = [
        _compared(authorization.rbac, pair, (*spaces.get("", ()), *spaces.get(pair[1].namespace, ())))
        for pair in asked[:SCANNED]
    ]
    ratio = statistics.median(scanned) / review
    goal = bindings == SIZES[-1][0]
    _say("build of the index", built, "s", "≤ 3 s" if goal else "")
    _say("one review, median", review * 1e6, "µs", "≤ 50 µs" if goal else "")
    _say("index of rules by resource (once, for who-can)", indexed, "s", "")
    _say(f"one who-can in a namespace ({len(found.holders)} holders)", single * 1e3, "ms", "≤ 20 ms" if goal else "")
    _say("who-can of all secrets verbs in a namespace", together * 1e3, "ms", "")
    _say(f"… in any namespace ({max(len(item.holders) for item in all_)} holders)", whole * 1e3, "ms", "")
    _say(f"attack paths ({len(paths.paths)} found)", walked, "s", "")
    _say("a review by linear scan, median", statistics.median(scanned) * 1e3, "ms", "")
    _say("ratio to the linear scan", ratio, "×", "≥ 500" if goal else "")
    _say("… to one whose bindings are sorted by namespace", statistics.median(narrowed) / review, "×", "")
    _say(f"peak memory (of it {before:.0f} MiB the snapshot)", _peak(), "MiB", "≤ 600 MiB" if goal else "")


def _say(what: str, value: float, unit: str, goal: str) -> None:
    print(f"    {what:56} {value:10.2f} {unit:4}{f'  goal {goal}' if goal else ''}")


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    """Processor time: what other processes take of the machine does not count."""
    started = time.process_time()
    result = run()
    return time.process_time() - started, result


def _peak() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _finder(rbac: Rbac) -> Finder:
    finder = Finder(rbac)
    _ = rbac.bindings_of_role
    return finder


def _secrets(verb: str, namespace: str = "") -> Attributes:
    return Attributes(verb, "", "secrets", "", namespace)


def _compared(rbac: Rbac, pair: tuple[Identity, Attributes], bindings: Sequence[Binding]) -> float:
    """How long the scan takes. Its answer must be ours."""
    taken, answer = _timed(lambda: scan(rbac, bindings, *pair))
    if answer != (rbac.grant(*pair) is not None):
        raise SystemExit(f"the scan and the index disagree about {pair}")
    return taken


def scan(rbac: Rbac, bindings: Sequence[Binding], identity: Identity, request: Attributes) -> bool:
    """A review as kubernetes `rule.go` does it: binding by binding, subject by subject, rule by rule.

    The server's informer hands it the bindings of one namespace; a dump of a cluster is not sorted so.
    """
    for binding in bindings:
        if binding.namespace not in ("", request.namespace) or (binding.namespace and request.path is not None):
            continue
        for subject in binding.subjects:
            matches = subject.name in identity.groups if subject.kind == "Group" else subject.username == identity.user
            if matches:
                role = rbac.role_of(binding)
                if role is not None and any(allows(rule, request) for rule in role.rules):
                    return True
                break
    return False


def _by_namespace(rbac: Rbac) -> dict[str, list[Binding]]:
    found: dict[str, list[Binding]] = {}
    for binding in rbac.bindings:
        found.setdefault(binding.namespace, []).append(binding)
    return found


def _reviews(rbac: Rbac) -> Iterator[tuple[Identity, Attributes]]:
    """Who is named by a binding asks in its namespace, every second time for what a rule of its role is about."""
    chance = random.Random(2)
    for number in range(REVIEWS):
        binding = chance.choice(rbac.bindings)
        subject = chance.choice(binding.subjects)
        user = subject.username or f"user-{number}"
        groups = (subject.name,) if subject.kind == "Group" else ()
        role = rbac.role_of(binding)
        rule = chance.choice(role.rules) if role and number % 2 else None
        resource = chance.choice(rule.resources if rule else _RESOURCES)
        verb = chance.choice(rule.verbs if rule else SECRETS)
        namespace = binding.namespace or f"ns-{chance.randrange(2000)}"
        request = Attributes(verb, "apps" if resource == "deployments" else "", resource, "", namespace)
        yield Identity(user, groups).as_authenticated(), request


def _cluster(bindings: int, roles: int) -> Snapshot:
    """Namespaces with roles and bindings of their own; a tenth of the roles and an eighth of the bindings cluster-wide.

    That is the share of the largest cluster reported: 676 ClusterRoleBindings beside 4,491 RoleBindings.
    """
    chance = random.Random(1)
    spaces = min(2_000, bindings // 20)
    cluster_roles = [_role("", number, chance) for number in range(roles // 10)]
    own = [_role(f"ns-{number % spaces}", number, chance) for number in range(roles - len(cluster_roles))]
    everywhere = [_binding("", number, roles, spaces, chance) for number in range(bindings // 8)]
    within = [
        _binding(f"ns-{number % spaces}", number, roles, spaces, chance) for number in range(bindings - len(everywhere))
    ]
    objects = {
        CLUSTER_ROLE: tuple(cluster_roles),
        ROLE: tuple(own),
        CLUSTER_ROLE_BINDING: tuple(everywhere),
        ROLE_BINDING: tuple(within),
    }
    return Snapshot(datetime(2026, 1, 1, tzinfo=UTC), objects=objects, observed=frozenset(NEEDS))


_RESOURCES = ("pods", "services", "configmaps", "deployments", "jobs", "events", "endpoints", "ingresses", "leases")


def _role(namespace: str, number: int, chance: random.Random) -> dict[str, Any]:
    rules = []
    for _ in range(chance.randint(1, 4)):
        resources = chance.sample(_RESOURCES, chance.randint(1, 3))
        if chance.random() < 0.1:
            resources.append("secrets")
        verbs = chance.sample(SECRETS, chance.randint(1, 5))
        rules.append({"apiGroups": ["", "apps"], "resources": resources, "verbs": verbs})
    if not namespace and number % 100 == 0:
        rules.append({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]})
    name = f"role-{number}" if namespace else f"cluster-role-{number}"
    metadata = {"name": name, "uid": f"{namespace}-{number}", **({"namespace": namespace} if namespace else {})}
    return {"metadata": metadata, "rules": rules}


def _binding(namespace: str, number: int, roles: int, spaces: int, chance: random.Random) -> dict[str, Any]:
    count = roles // 10
    if namespace and chance.random() < 0.7:
        # A role of the same namespace: they were dealt out by the same rule.
        index = number % spaces + spaces * chance.randrange(max(1, (roles - count) // spaces))
        ref = {"kind": "Role", "name": f"role-{index}"}
    else:
        # Cluster-wide, what gives everything is rare.
        index = chance.randrange(count) if namespace else chance.randrange(1, min(count, 100))
        ref = {"kind": "ClusterRole", "name": f"cluster-role-{index}"}
    if number % 1_000 == 0 and not namespace:
        ref = {"kind": "ClusterRole", "name": "cluster-role-0"}
    subjects = [_subject(chance, spaces) for _ in range(chance.randint(1, 3))]
    metadata = {"name": f"binding-{number}", **({"namespace": namespace} if namespace else {})}
    return {"metadata": metadata, "roleRef": ref, "subjects": subjects}


def _subject(chance: random.Random, spaces: int) -> dict[str, Any]:
    match chance.randrange(3):
        case 0:
            return {"kind": "User", "name": f"user-{chance.randrange(20_000)}"}
        case 1:
            return {"kind": "Group", "name": f"team-{chance.randrange(3_000)}"}
        case _:
            space = f"ns-{chance.randrange(spaces)}"
            return {"kind": "ServiceAccount", "namespace": space, "name": f"app-{chance.randrange(10)}"}


if __name__ == "__main__":
    main(sys.argv[1:])
