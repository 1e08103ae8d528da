"""Mutations of algorithms, keys, signatures and key identifiers."""

from __future__ import annotations

import random

from tests.certificates import der
from tests.certificates.model import (
    AKI,
    ALGORITHMS,
    FITTING,
    SKI,
    family,
    key,
)
from tests.certificates.mutations.base import Scenario, a_ca_of, any_key, any_of, mutation


@mutation
def another_fitting_algorithm(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    entry.algorithm = rng.choice(FITTING[family((entry.issuer or entry).key)])


@mutation
def any_algorithm(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).algorithm = rng.choice(sorted(ALGORITHMS))


@mutation
def sha1(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    kind = family((entry.issuer or entry).key)
    entry.algorithm = {"EC": "ECDSA-SHA1"}.get(kind, "SHA1-RSA")


@mutation
def an_inner_algorithm_that_differs(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).inner_algorithm = "SHA512-RSA"


@mutation
def a_damaged_signature(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).damaged = True


@mutation
def signed_by_another_key(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).signer = any_key(rng)


@mutation
def an_uncommon_key(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    entry.key = key(rng.choice(("P-224", "P-521", "RSA1024", "K-256", "Ed448", "X25519", "DSA", "RSA512")))


@mutation
def the_same_key_everywhere(rng: random.Random, made: Scenario) -> None:
    shared = any_key(rng)
    for entry in made.chain:
        entry.key = shared


@mutation
def other_key_identifiers(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    value = rng.choice((None, b"", b"other"))
    entry.extend(AKI, der.authority_key_identifier(value))
    if rng.random() < 0.5:
        a_ca_of(rng, made).extend(SKI, der.octets(rng.choice((b"", b"other", b"another"))))


@mutation
def no_key_identifiers(rng: random.Random, made: Scenario) -> None:
    for entry in made.chain:
        entry.extensions.pop(rng.choice((AKI, SKI)), None)


@mutation
def a_critical_key_identifier(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    if rng.random() < 0.5:
        entry.extend(SKI, der.octets(b"id"), True)
    else:
        entry.extend(AKI, der.authority_key_identifier(b"id"), True)
