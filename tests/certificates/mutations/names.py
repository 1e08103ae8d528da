"""Mutations of subjects, issuers, and alternative names."""

from __future__ import annotations

import random

from tests.certificates import der
from tests.certificates.model import (
    SAN,
)
from tests.certificates.mutations.base import Scenario, a_ca_of, any_of, beyond, mutation
from tests.certificates.mutations.values import HOSTS, NAME_TAGS, NAMES


@mutation
def another_string_type_in_the_issuer(rng: random.Random, made: Scenario) -> None:
    position = rng.randrange(len(made.chain) - 1)
    common_name = "kubernetes" if made.chain[position].issuer is made.root else "intermediate-0"
    made.chain[position].issuer_name = der.name((der.COMMON_NAME, common_name), tag=rng.choice(NAME_TAGS))


@mutation
def another_string_type_throughout(rng: random.Random, made: Scenario) -> None:
    made.root.subject = der.name((der.COMMON_NAME, "kubernetes"), tag=rng.choice(NAME_TAGS))


@mutation
def other_capitals_in_the_issuer(rng: random.Random, made: Scenario) -> None:
    made.chain[-2].issuer_name = der.name((der.COMMON_NAME, "Kubernetes"))


@mutation
def another_subject(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).subject = rng.choice(
        (
            der.sequence(),
            der.name((der.ORGANIZATION, "only organization")),
            der.name((der.UNIT, "only unit")),
            der.name((der.COMMON_NAME, "first"), (der.COMMON_NAME, "last")),
            der.name((der.COMMON_NAME, 'quote " and \\ and \t tab')),
            der.name((der.COMMON_NAME, "bidi \u202e override \u00a0 \U0001f512 ünï")),
            der.name((der.COMMON_NAME, "kubernetes.default.svc")),
            der.name((der.COMMON_NAME, "10.0.0.1")),
            der.name((der.COMMON_NAME, "*.example.com")),
            der.name((der.COMMON_NAME, "kubernetes"), (der.ORGANIZATION, "acme")),
            der.name((der.COMMON_NAME, "x"), ("1.2.840.113549.1.9.1", "ops@example.com"), tag=der.IA5),
            der.sequence(
                der.tlv(
                    der.SET,
                    der.sequence(der.oid(der.ORGANIZATION), der.text("a", der.UTF8)),
                    der.sequence(der.oid(der.ORGANIZATION), der.text("bb", der.UTF8)),
                )
            ),
        )
    )


@beyond
def letters_that_a_printable_string_may_not_hold(rng: random.Random, made: Scenario) -> None:
    name = rng.choice(("system:node:a_b", "ops@example.com", "Acme & Sons"))
    any_of(rng, made).subject = der.name((der.COMMON_NAME, name), tag=der.PRINTABLE)


@mutation
def letters_that_an_ia5_string_may_not_hold(rng: random.Random, made: Scenario) -> None:
    name = rng.choice(("bücher", "fine", "ü" * 70))
    any_of(rng, made).subject = der.name((der.COMMON_NAME, name), tag=der.IA5)


@beyond
def letters_of_t61(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).subject = der.name((der.COMMON_NAME, "Bücher"), tag=der.T61)


@mutation
def other_names(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(SAN, der.general_names(*rng.choices(NAMES, k=rng.randrange(1, 5))), rng.choice((None, True)))
    made.name = rng.choice(HOSTS) if made.usage == "server" else ""


@mutation
def another_host(rng: random.Random, made: Scenario) -> None:
    made.name = rng.choice(HOSTS)


@mutation
def names_on_aa_ca_of(rng: random.Random, made: Scenario) -> None:
    a_ca_of(rng, made).extend(SAN, der.general_names(*rng.choices(NAMES, k=rng.randrange(1, 4))))


@mutation
def no_names(rng: random.Random, made: Scenario) -> None:
    made.leaf.extensions.pop(SAN, None)


@mutation
def no_names_but_a_common_name(rng: random.Random, made: Scenario) -> None:
    made.leaf.extensions.pop(SAN, None)
    host = rng.choice(HOSTS)
    made.leaf.subject = der.name((der.COMMON_NAME, host))
    made.name = rng.choice((host, host.upper(), "other.example.com"))


@mutation
def a_common_name_beside_other_names(rng: random.Random, made: Scenario) -> None:
    made.name = rng.choice(("other.example.org", "10.9.9.9"))
    made.leaf.subject = der.name((der.COMMON_NAME, made.name))


@mutation
def an_empty_list_of_names(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(SAN, der.general_names(), rng.choice((None, True)))


@mutation
def a_hundred_names(rng: random.Random, made: Scenario) -> None:
    count = rng.choice((99, 100, 101))
    if rng.random() < 0.5:
        names = [der.dns(f"host-{number}.example.org") for number in range(count)]
    else:
        names = [der.ip(bytes((10, 1, 1, number))) for number in range(count)]
    made.leaf.extend(SAN, der.general_names(*names))
    made.name = rng.choice(("10.0.0.1", "host-7.example.org", "absent.example.org"))


@mutation
def names_that_are_not_ascii(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(
        SAN, der.general_names(rng.choice((der.dns("bücher.example"), der.email("ü@x"), der.uri("http://ü"))))
    )


@beyond
def an_address_of_the_wrong_length(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(SAN, der.general_names(der.ip(bytes(rng.choice((5, 8, 32))))))


@beyond
def a_uri_that_may_be_read_in_two_ways(rng: random.Random, made: Scenario) -> None:
    uris = (
        "http://user@host/",
        "relative/path",
        "HTTP://upper.example/",
        "http://a:b:c/",
        "http://sp ace/",
        "http://%41/",
        ":",
    )
    made.leaf.extend(SAN, der.general_names(der.dns("kubernetes.default.svc"), der.uri(rng.choice(uris))))
