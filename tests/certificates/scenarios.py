"""Chains with every field mutated, made from a seed.

A scenario starts as a chain that verifies: a root, up to three intermediates, a leaf. Then up to three mutations change
it. `BEYOND` names the mutations that make what the library cannot read.
"""

from __future__ import annotations

import random

from tests.certificates import der
from tests.certificates.model import CLIENT_AUTH, NOW, authority, key, leaf
from tests.certificates.mutations import MUTATIONS, Scenario
from tests.certificates.mutations.base import KEYS


def scenario(seed: int) -> Scenario:
    rng = random.Random(seed)
    made = _valid(rng)
    for name in rng.choices(sorted(MUTATIONS), k=rng.choice((0, 1, 1, 1, 2, 2, 3))):
        MUTATIONS[name](rng, made)
        made.mutations.append(name)
    return made


def _valid(rng: random.Random) -> Scenario:
    pairs = [key(*choice) for choice in rng.sample(KEYS, rng.choice((2, 2, 3, 3, 4, 5)))]
    chain = [authority("kubernetes", pairs[0])]
    for depth, pair in enumerate(pairs[1:-1]):
        chain.insert(0, authority(f"intermediate-{depth}", pair, chain[0]))
    usage = rng.choice(("server", "server", "client"))
    if usage == "server":
        names = (der.dns("kubernetes.default.svc"), der.dns("*.example.com"), der.ip(bytes((10, 0, 0, 1))))
        chain.insert(0, leaf("kube-apiserver", pairs[-1], chain[0], *names))
        host = rng.choice(("kubernetes.default.svc", "api.example.com", "10.0.0.1", ""))
    else:
        end = leaf("kubernetes-admin", pairs[-1], chain[0], usages=(CLIENT_AUTH,))
        end.subject = der.name((der.ORGANIZATION, "kubeadm:cluster-admins"), (der.COMMON_NAME, "kubernetes-admin"))
        chain.insert(0, end)
        host = ""
    return Scenario(chain, [chain[-1]], chain[1:-1], host, usage, NOW)
