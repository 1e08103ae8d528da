"""Mutations of dates, usages, basic constraints, versions, serial numbers and extensions."""

from __future__ import annotations

import random
from datetime import timedelta, timezone

from tests.certificates import der
from tests.certificates.model import (
    AKI,
    ANY_USAGE,
    BASIC_CONSTRAINTS,
    CLIENT_AUTH,
    EXTENDED_KEY_USAGE,
    KEY_USAGE,
    NAME_CONSTRAINTS,
    NOW,
    POLICIES,
    SAN,
    SERVER_AUTH,
    SKI,
)
from tests.certificates.mutations.base import Scenario, a_ca_of, any_of, beyond, mutation


@mutation
def expired(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).not_after = NOW - timedelta(seconds=rng.choice((1, 3600, 10**7)))


@mutation
def not_yet_valid(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).not_before = NOW + timedelta(seconds=rng.choice((1, 3600, 10**8)))


@mutation
def at_the_very_end(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).not_after = NOW
    made.now = NOW + timedelta(microseconds=rng.choice((0, 1, 999_999)))


@mutation
def at_the_very_beginning(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).not_before = NOW
    made.now = NOW - timedelta(microseconds=rng.choice((0, 1)))


@mutation
def far_dates(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    entry.not_before = entry.not_before.replace(year=rng.choice((1950, 1999, 2049, 2050)))
    entry.not_after = entry.not_after.replace(year=rng.choice((2049, 2050, 9999)))


@mutation
def another_time_zone(rng: random.Random, made: Scenario) -> None:
    made.now = made.now.astimezone(timezone(timedelta(minutes=rng.choice((-570, 120, 345)))))


@mutation
def other_extended_usages(rng: random.Random, made: Scenario) -> None:
    choices = (SERVER_AUTH, CLIENT_AUTH, ANY_USAGE, "1.3.6.1.5.5.7.3.3", "1.2.3.4")
    value = der.extended_key_usage(*rng.sample(choices, rng.randrange(1, 4)))
    any_of(rng, made).extend(EXTENDED_KEY_USAGE, value, rng.choice((None, True)))


@mutation
def no_extended_usages(rng: random.Random, made: Scenario) -> None:
    made.leaf.extensions.pop(EXTENDED_KEY_USAGE, None)


@mutation
def the_other_usage(rng: random.Random, made: Scenario) -> None:
    made.usage = "client" if made.usage == "server" else "server"


@beyond
def an_empty_list_of_extended_usages(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).extend(EXTENDED_KEY_USAGE, der.extended_key_usage())


@mutation
def other_key_usages(rng: random.Random, made: Scenario) -> None:
    usages = rng.sample(der.KEY_USAGES[:7], rng.randrange(0, 4))
    any_of(rng, made).extend(KEY_USAGE, der.key_usage(*usages), rng.choice((None, True)))


@mutation
def no_key_usages(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).extensions.pop(KEY_USAGE, None)


@mutation
def key_agreement_in_one_direction(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).extend(KEY_USAGE, der.key_usage("keyAgreement", rng.choice(("encipherOnly", "decipherOnly"))))


@beyond
def encipher_only_without_key_agreement(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).extend(KEY_USAGE, der.key_usage("keyCertSign", rng.choice(("encipherOnly", "decipherOnly"))))


@mutation
def a_path_length(rng: random.Random, made: Scenario) -> None:
    a_ca_of(rng, made).extend(BASIC_CONSTRAINTS, der.basic_constraints(True, rng.choice((0, 0, 1, 2))), True)


@mutation
def no_basic_constraints(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).extensions.pop(BASIC_CONSTRAINTS, None)


@mutation
def not_aa_ca_of(rng: random.Random, made: Scenario) -> None:
    a_ca_of(rng, made).extend(BASIC_CONSTRAINTS, der.basic_constraints(None), rng.choice((None, True)))


@mutation
def a_ca_as_leaf(rng: random.Random, made: Scenario) -> None:
    made.leaf.extend(BASIC_CONSTRAINTS, der.basic_constraints(True, rng.choice((None, 0))), True)


@beyond
def a_path_length_without_aa_ca_of(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).extend(BASIC_CONSTRAINTS, der.basic_constraints(None, 0), True)


@beyond
def a_default_written_out(rng: random.Random, made: Scenario) -> None:
    if rng.random() < 0.5:
        any_of(rng, made).extend(BASIC_CONSTRAINTS, der.basic_constraints(False), True)
    else:
        any_of(rng, made).extend("1.2.3.4.5", der.octets(b"x"), False)


@mutation
def version_1(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    entry.version = 1
    entry.extensions = {}


@beyond
def an_odd_version(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    entry.version = rng.choice((2, 4))
    entry.extensions = {} if entry.version == 2 else entry.extensions


@beyond
def version_1_with_extensions(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).version = 1


@mutation
def an_odd_serial(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    entry.serial = rng.choice((0, -1, -(2**80), 2**159, 2**200))
    if rng.random() < 0.5:
        entry.subject = der.sequence()


@mutation
def an_unknown_extension(rng: random.Random, made: Scenario) -> None:
    number = rng.choice(("1.2.3.4.5", "2.5.29.99", "1.3.6.1.5.5.7.1.24"))
    value = der.sequence(der.integer(5)) if number.startswith("1.3") else der.octets(b"x")
    any_of(rng, made).extend(number, value, rng.choice((None, True, True)))


@mutation
def an_extension_twice(rng: random.Random, made: Scenario) -> None:
    entry = any_of(rng, made)
    again = der.extension(KEY_USAGE, der.key_usage("keyCertSign"))
    entry.more_extensions = (again,) if rng.random() < 0.7 else (again, again)


@beyond
def an_unreadable_extension(rng: random.Random, made: Scenario) -> None:
    number = rng.choice((SAN, KEY_USAGE, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE, NAME_CONSTRAINTS, AKI, SKI, POLICIES))
    any_of(rng, made).extend(number, rng.choice((b"", b"\x05\0", b"\x30\x05\x02")))


@beyond
def trailing_bytes(rng: random.Random, made: Scenario) -> None:
    any_of(rng, made).trailing = b"\0"
