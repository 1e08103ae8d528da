"""What a mutation changes, and where mutations are kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from tests.certificates.model import Entry, Key, key

KEYS = [("RSA", 0), ("RSA", 1), ("RSA", 2), ("P-256", 0), ("P-256", 1), ("P-256", 2), ("P-384", 0), ("Ed25519", 0)]


@dataclass
class Scenario:
    """A chain, leaf first, and the question. `roots` and `intermediates` are what is handed to the verifier."""

    chain: list[Entry]
    roots: list[Entry]
    intermediates: list[Entry]
    name: str
    usage: str
    now: datetime
    mutations: list[str] = field(default_factory=list)

    @property
    def leaf(self) -> Entry:
        return self.chain[0]

    @property
    def root(self) -> Entry:
        return self.chain[-1]


Mutation = Callable[[random.Random, Scenario], None]
MUTATIONS: dict[str, Mutation] = {}
BEYOND: set[str] = set()


def mutation(function: Mutation) -> Mutation:
    MUTATIONS[function.__name__] = function
    return function


def beyond(function: Mutation) -> Mutation:
    BEYOND.add(function.__name__)
    return mutation(function)


def any_of(rng: random.Random, made: Scenario) -> Entry:
    return rng.choice(made.chain)


def a_ca_of(rng: random.Random, made: Scenario) -> Entry:
    return rng.choice(made.chain[1:])


def any_key(rng: random.Random) -> Key:
    return key(*rng.choice(KEYS))
