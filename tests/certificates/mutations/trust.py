"""Mutations of what is trusted and what is sent."""

from __future__ import annotations

import random
from datetime import timedelta

from tests.certificates import der
from tests.certificates.model import (
    AKI,
    NOW,
    SAN,
    SKI,
    authority,
    leaf,
)
from tests.certificates.mutations.base import Scenario, any_key, mutation


@mutation
def a_rebuilta_ca_of(rng: random.Random, made: Scenario) -> None:
    rebuilt = authority("kubernetes", any_key(rng))
    made.roots = rng.choice(([rebuilt], [rebuilt, made.root], [made.root, rebuilt]))


@mutation
def many_rebuilt_cas(rng: random.Random, made: Scenario) -> None:
    others = [
        authority("kubernetes", any_key(rng), serial=100 + number)
        for number in range(rng.choice((3, 98, 99, 100, 101)))
    ]
    for other in others:
        other.subject = made.root.subject
        if rng.random() < 0.5:
            other.extensions.pop(SKI)
    if rng.random() < 0.5:
        made.chain[-2].extensions.pop(AKI, None)  # nothing tells which of them it is
    made.roots = [*others, made.root] if rng.random() < 0.8 else [made.root, *others]


@mutation
def a_renewed_ca_with_the_same_key(rng: random.Random, made: Scenario) -> None:
    renewed = authority("kubernetes", made.root.key, serial=2)
    renewed.not_after = NOW + timedelta(days=rng.choice((-1, 3650)))
    made.roots.insert(rng.randrange(2), renewed)


@mutation
def a_cross_signed_root(rng: random.Random, made: Scenario) -> None:
    other = authority("other-ca", any_key(rng))
    cross = authority("kubernetes", made.root.key, other)
    cross.subject = made.root.subject
    made.intermediates = [*made.intermediates, cross]
    made.roots = rng.choice(([other], [other, made.root], [made.root]))


@mutation
def mutually_cross_signed_roots(rng: random.Random, made: Scenario) -> None:
    other = authority("other-ca", any_key(rng))
    made.intermediates = [
        *made.intermediates,
        authority("kubernetes", made.root.key, other),
        authority("other-ca", other.key, made.root),
    ]
    made.roots = rng.choice(([other], [made.root], [], [other, made.root]))


@mutation
def a_rebuilt_ca_signed_by_the_old_one(rng: random.Random, made: Scenario) -> None:
    old = authority("kubernetes", any_key(rng))
    old.subject = made.root.subject
    made.intermediates = [*made.intermediates, authority("kubernetes", made.root.key, old)]
    made.intermediates[-1].subject = made.root.subject
    made.roots = rng.choice(([old], [old, made.root]))


@mutation
def the_same_ca_with_and_without_names(rng: random.Random, made: Scenario) -> None:
    named, unnamed = (authority("kubernetes", made.root.key, serial=serial) for serial in (3, 4))
    named.extend(SAN, der.general_names(der.dns("kubernetes")))
    named.subject = unnamed.subject = made.root.subject
    made.intermediates = [*made.intermediates, *rng.sample((named, unnamed), 2)]
    made.roots = rng.choice(([], [made.root], [named], [authority("other-ca", any_key(rng))]))


@mutation
def the_root_sent_too(rng: random.Random, made: Scenario) -> None:
    made.intermediates = [*made.intermediates, made.root]


@mutation
def no_roots(rng: random.Random, made: Scenario) -> None:
    made.roots = []


@mutation
def another_root(rng: random.Random, made: Scenario) -> None:
    made.roots = [authority("front-proxy-ca", any_key(rng))]


@mutation
def nothing_sent(rng: random.Random, made: Scenario) -> None:
    made.intermediates = []


@mutation
def another_order(rng: random.Random, made: Scenario) -> None:
    made.intermediates = rng.sample(made.intermediates, len(made.intermediates))
    made.roots = rng.sample(made.roots, len(made.roots))


@mutation
def sent_twice(rng: random.Random, made: Scenario) -> None:
    made.intermediates = [*made.intermediates, *made.intermediates, made.leaf]


@mutation
def intermediates_trusted(rng: random.Random, made: Scenario) -> None:
    made.roots = [*made.roots, *made.chain[1:-1]]


@mutation
def the_leaf_trusted(rng: random.Random, made: Scenario) -> None:
    made.roots = rng.choice(([made.leaf], [made.leaf, made.root]))


@mutation
def the_leaf_in_place_of_thea_ca_of(rng: random.Random, made: Scenario) -> None:
    pasted = leaf("kubernetes", any_key(rng), None)
    pasted.subject = (made.leaf.issuer or made.leaf).subject
    made.roots = [pasted]


@mutation
def self_signed(rng: random.Random, made: Scenario) -> None:
    made.leaf.issuer = None
    if rng.random() < 0.3:
        made.roots = [made.leaf]
