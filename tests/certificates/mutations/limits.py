"""Mutations of what a CA limits: name constraints and policies."""

from __future__ import annotations

import random

from tests.certificates import der
from tests.certificates.model import (
    EXTENDED_KEY_USAGE,
    INHIBIT_ANY,
    NAME_CONSTRAINTS,
    POLICIES,
    POLICY_CONSTRAINTS,
    POLICY_MAPPINGS,
    SAN,
    authority,
)
from tests.certificates.mutations.base import Scenario, a_ca_of, any_key, any_of, beyond, mutation
from tests.certificates.mutations.values import CONSTRAINTS, NAMES


@mutation
def name_constraints(rng: random.Random, made: Scenario) -> None:
    permitted = tuple(rng.choices(CONSTRAINTS, k=rng.randrange(0, 5)))
    excluded = tuple(rng.choices(CONSTRAINTS, k=rng.randrange(0 if permitted else 1, 5)))
    a_ca_of(rng, made).extend(NAME_CONSTRAINTS, der.name_constraints(permitted, excluded), rng.choice((None, True)))


@mutation
def name_constraints_that_fit(rng: random.Random, made: Scenario) -> None:
    permitted = (der.dns("svc"), der.dns("example.com"), der.ip(bytes((10, 0, 0, 0, 255, 0, 0, 0))))
    a_ca_of(rng, made).extend(NAME_CONSTRAINTS, der.name_constraints(permitted), True)


@mutation
def name_constraints_against_other_names(rng: random.Random, made: Scenario) -> None:
    name_constraints(rng, made)
    made.leaf.extend(SAN, der.general_names(*rng.choices(NAMES, k=rng.randrange(1, 4))))
    made.name = ""


@mutation
def names_and_constraints_on_one_certificate(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    entry.extend(SAN, der.general_names(*rng.choices(NAMES, k=2)))
    entry.extend(NAME_CONSTRAINTS, der.name_constraints(tuple(rng.choices(CONSTRAINTS, k=2))))


@mutation
def chains_that_fail_in_different_ways(rng: random.Random, made: Scenario) -> None:
    signing = made.chain[1]
    other = authority("x", signing.key, signing.issuer, serial=77)
    other.subject = signing.subject
    for entry in (signing, other):
        for failure in rng.sample(("usage", "names", "policies"), rng.randrange(1, 3)):
            if failure == "usage":
                entry.extend(EXTENDED_KEY_USAGE, der.extended_key_usage("1.2.3.4"))
            elif failure == "names":
                entry.extend(
                    NAME_CONSTRAINTS, der.name_constraints((der.dns("nowhere"), der.ip(bytes(4) + b"\xff" * 4)))
                )
            else:
                entry.extend(POLICY_CONSTRAINTS, der.policy_constraints(0))
    others = made.roots if signing is made.root else made.intermediates
    others.append(other)


@beyond
def an_odd_network_in_a_constraint(rng: random.Random, made: Scenario) -> None:
    network = rng.choice(((10, 0, 0, 5, 255, 0, 0, 0), (10, 0, 0, 0, 255, 0, 255, 0), (10, 0, 0)))
    a_ca_of(rng, made).extend(NAME_CONSTRAINTS, der.name_constraints((der.ip(bytes(network)),)), True)


@beyond
def empty_name_constraints(rng: random.Random, made: Scenario) -> None:
    a_ca_of(rng, made).extend(NAME_CONSTRAINTS, der.name_constraints(), True)


@mutation
def policies(rng: random.Random, made: Scenario) -> None:
    choices = ("2.5.29.32.0", "1.2.3.4", "1.2.3.5")
    for entry in made.chain:
        if rng.random() < 0.8:
            entry.extend(POLICIES, der.policies(*rng.sample(choices, rng.randrange(1, 3))))


@mutation
def policies_demanded(rng: random.Random, made: Scenario) -> None:
    policies(rng, made)
    any_of(rng, made).extend(
        POLICY_CONSTRAINTS, der.policy_constraints(rng.choice((0, 0, 1)), rng.choice((None, 0))), True
    )
    if rng.random() < 0.5:
        any_of(rng, made).extend(INHIBIT_ANY, der.integer(rng.choice((0, 1))), True)


@mutation
def policies_around_a_self_issueda_ca_of(rng: random.Random, made: Scenario) -> None:
    anchor = authority("other-ca", any_key(rng))
    above = authority("kubernetes", any_key(rng), anchor)
    above.subject = made.root.subject
    renewed = made.root
    renewed.issuer = above
    made.intermediates = [*made.intermediates, renewed, above]
    made.chain += [above, anchor]
    made.roots = [anchor]
    policies(rng, made)
    above.extend(POLICY_CONSTRAINTS, der.policy_constraints(rng.choice((0, 1, 2, 3))), True)
    if rng.random() < 0.7:
        above.extend(INHIBIT_ANY, der.integer(rng.choice((0, 1))), True)
    if rng.random() < 0.5:
        for entry in made.chain:
            entry.extend(POLICIES, der.policies("1.2.3.4"))
        renewed.extend(POLICIES, der.policies("2.5.29.32.0"))


@mutation
def the_same_policy_twice(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).extend(POLICIES, der.policies("1.2.3.4", "1.2.3.4"))


@beyond
def policies_mapped(rng: random.Random, made: Scenario) -> None:
    policies_demanded(rng, made)
    pair = rng.choice((("1.2.3.4", "1.2.3.5"), ("2.5.29.32.0", "1.2.3.5")))
    a_ca_of(rng, made).extend(POLICY_MAPPINGS, der.policy_mappings(pair), True)
