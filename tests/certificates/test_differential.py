"""What Go says of thousands of chains is what the verification says: verdict, kind, message and chains."""

from __future__ import annotations

import functools
import random
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from k8srun.certificates.verification import ErrorKind, Verification, VerificationVerdict, verify
from k8srun.x509 import Certificate, MalformedCertificate
from tests.certificates import der
from tests.certificates.goverify import GoVerify
from tests.certificates.model import (
    EXTENDED_KEY_USAGE,
    INHIBIT_ANY,
    NAME_CONSTRAINTS,
    NOW,
    NULL,
    POLICIES,
    POLICY_CONSTRAINTS,
    POLICY_MAPPINGS,
    SAN,
    SERVER_AUTH,
    SKI,
    Entry,
    Key,
    authority,
    key,
    leaf,
)
from tests.certificates.mutations import BEYOND, MUTATIONS
from tests.certificates.mutations.structure import altered
from tests.certificates.mutations.values import HOSTS
from tests.certificates.scenarios import scenario

CHAINS = 2400

GO_ERRORS = {
    ErrorKind.MALFORMED: "Malformed",
    ErrorKind.UNHANDLED_CRITICAL: "UnhandledCriticalExtension",
    ErrorKind.EXPIRED: "Expired",
    ErrorKind.NOT_YET_VALID: "Expired",
    ErrorKind.HOSTNAME: "Hostname",
    ErrorKind.UNKNOWN_AUTHORITY: "UnknownAuthority",
    ErrorKind.INSECURE_SIGNATURE: "UnknownAuthority",
    ErrorKind.CA_NOT_AUTHORIZED_TO_SIGN: "NotAuthorizedToSign",
    ErrorKind.PATH_LENGTH: "TooManyIntermediates",
    ErrorKind.SIGNATURE_LIMIT: "Other",
    ErrorKind.INVALID_POLICIES: "NoValidChains",
    ErrorKind.INCOMPATIBLE_USAGE: "IncompatibleUsage",
    ErrorKind.NAME_CONSTRAINTS: "CANotAuthorizedForThisName",
}

# What a certificate may hold besides; all of it is in order.
MORE_EXTENSIONS = (
    (SKI, der.octets(b"identifier")),
    (POLICIES, der.policies("1.2.3.4", "2.5.29.32.0")),
    (POLICY_CONSTRAINTS, der.policy_constraints(9)),
    (POLICY_MAPPINGS, der.policy_mappings(("1.2.3", "1.2.4"))),
    (INHIBIT_ANY, der.integer(9)),
    (NAME_CONSTRAINTS, der.name_constraints((der.dns("kubernetes"), der.ip(bytes(8))), (der.email("example.com"),))),
    ("2.5.29.31", der.sequence(der.sequence(der.tlv(0xA0, der.tlv(0xA0, der.uri("http://crl.example/")))))),
    ("1.3.6.1.5.5.7.1.1", der.sequence(der.sequence(der.oid("1.3.6.1.5.5.7.48.1"), der.uri("http://ocsp.example/")))),
    ("1.3.6.1.5.5.7.1.24", der.sequence(der.integer(5))),
    ("1.2.3.4.5", der.octets(b"x")),
)


class Both:
    """One question put to Go and to us."""

    def __init__(
        self,
        go: GoVerify,
        end: Entry,
        roots: Sequence[Entry],
        *,
        intermediates: Sequence[Entry] = (),
        name: str = "",
        usage: str = "server",
        now: datetime = NOW,
    ) -> None:
        encoded = [[entry.der() for entry in entries] for entries in ((end,), roots, intermediates)]
        self.go = go.ask(encoded[0][0], roots=encoded[1], intermediates=encoded[2], name=name, usage=usage, now=now)
        with warnings.catch_warnings():
            # The library warns of odd serial numbers and names, and reads them.
            warnings.filterwarnings("ignore", message="Parsed a serial number|Attribute's length")
            try:
                read = [[Certificate.from_der(content) for content in contents] for contents in encoded]
            except MalformedCertificate as error:
                self.ours = Verification(VerificationVerdict.UNKNOWN, str(error))
            else:
                self.ours = verify(read[0][0], roots=read[1], intermediates=read[2], name=name, usage=usage, now=now)

    @property
    def unknown(self) -> bool:
        return self.ours.verdict is VerificationVerdict.UNKNOWN

    def disagreement(self, *, all_chains: bool = True) -> dict[str, Any]:
        """Where the answers differ: ours and Go's. Without `all_chains` we may have found fewer chains."""
        answer = self.ours
        mine = {
            "ok": answer.verdict is VerificationVerdict.OK,
            "message": answer.message,
            "error": GO_ERRORS[answer.kind] if answer.kind else "",
            "chains": [[certificate.sha256 for certificate in chain] for chain in answer.chains] or None,
        }
        if not all_chains and mine["chains"]:
            mine["chains"] = [chain for chain in self.go["chains"] or () if chain in mine["chains"]]
            return {} if {**self.go, "chains": mine["chains"]} == mine else {"ours": mine, "go": self.go}
        return {field: (mine[field], self.go[field]) for field in mine if mine[field] != self.go[field]}


def test_verification_answers_as_go_does_whatever_is_wrong_with_a_chain(go: GoVerify) -> None:
    disagreements, unknown, said, tried = [], [], Counter(), Counter()
    for seed in range(CHAINS):
        made = scenario(seed)
        tried.update(made.mutations)
        both = Both(
            go,
            made.leaf,
            made.roots,
            intermediates=made.intermediates,
            name=made.name,
            usage=made.usage,
            now=made.now,
        )
        said[both.go["error"] or "ok"] += 1
        beyond_the_library = bool(BEYOND & set(made.mutations))
        if both.unknown:
            # Unknown is no way out: only where the library cannot read what was made.
            unknown += [] if beyond_the_library else [(seed, made.mutations, both.ours.message)]
        elif differing := both.disagreement(all_chains=not beyond_the_library):
            disagreements.append((seed, made.mutations, differing))
    assert disagreements == []
    assert unknown == []
    # The generator must not lose its bite: every mutation was made, and Go gave every kind of answer.
    assert set(tried) == set(MUTATIONS)
    assert set(said) == {"ok", *GO_ERRORS.values()}


def test_a_certificate_whose_encoding_is_altered_is_judged_as_go_judges_it_or_not_at_all(go: GoVerify) -> None:
    disagreements, said = [], Counter()
    for seed in range(CHAINS):
        rng = random.Random(seed)
        root = authority("kubernetes", key("P-256"))
        between = authority("intermediate", key("RSA"), root)
        end = leaf("kube-apiserver", key("P-256", 1), between, der.dns("kubernetes"), der.ip(bytes((10, 0, 0, 1))))
        chain = (end, between, root)
        for entry in chain:
            for number, value in rng.sample(MORE_EXTENSIONS, 3):
                entry.extend(number, value)
        rng.choice(chain).altered = functools.partial(altered, random.Random(seed))
        both = Both(go, end, [root], intermediates=[between], name=rng.choice(("kubernetes", "10.0.0.1", "")))
        said[both.ours.verdict] += 1
        if not both.unknown and (differing := both.disagreement()) and set(differing) != {"message"}:
            disagreements.append((seed, differing))
    assert disagreements == []
    assert min(said[verdict] for verdict in VerificationVerdict) > CHAINS // 20


MODULUS = key("RSA").private.public_key().public_numbers().n
RSA = der.sequence(der.oid("1.2.840.113549.1.1.1"), NULL)


@pytest.mark.parametrize(
    ("algorithm", "modulus", "exponent"),
    [
        (RSA, MODULUS, 3),
        (RSA, MODULUS, 2**31 - 1),
        (RSA, MODULUS, 2**31 + 1),
        (RSA, MODULUS, 2**63 + 1),
        (RSA, MODULUS + 1, 65537),
        (RSA, 2**1022 + 1, 3),
        (der.sequence(der.oid("1.2.840.113549.1.1.1")), MODULUS, 65537),
    ],
)
def test_an_odd_rsa_key_is_judged_as_in_go(go: GoVerify, algorithm: bytes, modulus: int, exponent: int) -> None:
    numbers = der.sequence(der.integer(modulus), der.integer(exponent))
    odd = Key("RSA-odd", key("RSA").private, der.sequence(algorithm, der.bits(numbers)))
    root = authority("kubernetes", odd)
    for chain in ([leaf("x", key("P-256"), root), root], [leaf("x", odd, authority("ca", key("P-256")))]):
        both = Both(go, chain[0], [chain[-1].issuer or chain[-1]])
        assert not both.unknown
        assert both.disagreement() == {}


LONG = "1.2.4294967296"


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (EXTENDED_KEY_USAGE, der.extended_key_usage(SERVER_AUTH, LONG)),
        (LONG, b"x"),
        ("1.3.6.1.5.5.7.1.1", der.sequence(der.sequence(der.oid(LONG), der.uri("http://x/")))),
        (POLICIES, der.policies(LONG)),
        (POLICY_CONSTRAINTS, der.policy_constraints(2**63)),
        (POLICY_MAPPINGS, der.sequence(der.sequence(der.oid("1.2.3")))),
        (POLICY_MAPPINGS, der.sequence(der.sequence(der.oid("1.2.3"), der.oid("1.2.4"), b"\0"))),
        (POLICY_MAPPINGS, b""),
        (INHIBIT_ANY, der.integer(2**63)),
    ],
)
def test_numbers_that_are_too_large_are_refused_where_go_refuses_them(go: GoVerify, number: str, value: bytes) -> None:
    root = authority("kubernetes", key("P-256"))
    end = leaf("x", key("P-256", 1), root)
    end.extend(number, value)
    assert Both(go, end, [root]).disagreement() == {}


def test_an_attribute_with_a_number_that_is_too_large_is_refused_as_in_go(go: GoVerify) -> None:
    root = authority("kubernetes", key("P-256"))
    end = leaf("x", key("P-256", 1), root)
    end.subject = der.name((LONG, "x"))
    assert Both(go, end, [root]).disagreement() == {}


generated = functools.partial(
    settings, deadline=None, max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
LABELS = st.text(st.sampled_from("abAB01-_*"), max_size=3)
DOMAINS = st.one_of(st.lists(LABELS, max_size=4).map(".".join), st.sampled_from(HOSTS), st.text(max_size=8))
ASCII_DOMAINS = DOMAINS.filter(str.isascii)
ADDRESSES = st.one_of(
    st.tuples(*[st.sampled_from((0, 1, 10, 255))] * 4).map(bytes),
    st.binary(min_size=16, max_size=16),
    st.tuples(*[st.sampled_from((0, 1, 10))] * 4).map(lambda parts: bytes(10) + b"\xff\xff" + bytes(parts)),
)
LOCALS = st.text(st.sampled_from("ab.\\\"' @\x00+"), max_size=4)
EMAILS = st.one_of(
    st.tuples(LOCALS, ASCII_DOMAINS).map("@".join),
    st.tuples(LOCALS, ASCII_DOMAINS).map(lambda parts: f'"{parts[0]}"@{parts[1]}'),
    ASCII_DOMAINS,
)
URIS = st.tuples(
    st.sampled_from(("https", "spiffe", "urn")),
    st.sampled_from(("://", ":///", ":", "://[", "://user@")),
    st.one_of(ASCII_DOMAINS, st.sampled_from(("10.0.0.1", "::1", "::1]"))),
    st.sampled_from(("", ":443", ":", "/", "/a/b?c#d", "?", "#", "#e", "/%41", "/%zz")),
).map("".join)


def network(address: bytes, length: int) -> bytes:
    size = len(address) * 8
    ones = min(length, size)
    mask = ((1 << ones) - 1) << (size - ones)
    masked = int.from_bytes(address, "big") & mask
    return masked.to_bytes(len(address), "big") + mask.to_bytes(len(address), "big")


NETWORKS = st.tuples(ADDRESSES, st.integers(0, 128)).map(lambda parts: network(*parts))
NAMES = st.one_of(ASCII_DOMAINS.map(der.dns), ADDRESSES.map(der.ip), EMAILS.map(der.email), URIS.map(der.uri))
CONSTRAINTS = st.one_of(
    st.tuples(st.sampled_from(("", ".")), ASCII_DOMAINS).map(lambda parts: der.dns("".join(parts))),
    NETWORKS.map(der.ip),
    EMAILS.map(der.email),
    ASCII_DOMAINS.map(der.uri),
)


def agreed(both: Both) -> None:
    assert both.unknown or both.disagreement() == {}


@generated()
@given(names=st.lists(ASCII_DOMAINS, max_size=4), host=DOMAINS.filter(bool))
def test_a_host_name_matches_where_it_matches_in_go(go: GoVerify, names: list[str], host: str) -> None:
    end = leaf("x", key("P-256"), None, *map(der.dns, names))
    agreed(Both(go, end, [end], name=host))


@generated()
@given(addresses=st.lists(ADDRESSES, max_size=3), host=st.one_of(st.ip_addresses().map(str), st.sampled_from(HOSTS)))
def test_an_address_matches_where_it_matches_in_go(go: GoVerify, addresses: list[bytes], host: str) -> None:
    end = leaf("x", key("P-256"), None, *map(der.ip, addresses))
    agreed(Both(go, end, [end], name=host))


@generated()
@given(common_name=DOMAINS.filter(bool), names=st.lists(ASCII_DOMAINS, max_size=1), host=DOMAINS.filter(bool))
def test_a_legacy_common_name_is_told_where_go_tells_it(
    go: GoVerify, common_name: str, names: list[str], host: str
) -> None:
    end = leaf(common_name, key("P-256"), None, *map(der.dns, names))
    agreed(Both(go, end, [end], name=host))


@generated(max_examples=600)
@given(
    names=st.lists(NAMES, min_size=1, max_size=3),
    permitted=st.lists(CONSTRAINTS, max_size=4),
    excluded=st.lists(CONSTRAINTS, min_size=1, max_size=4),
)
def test_name_constraints_are_judged_as_in_go(
    go: GoVerify, names: list[bytes], permitted: list[bytes], excluded: list[bytes]
) -> None:
    root = authority("ca", key("P-256"))
    root.extend(NAME_CONSTRAINTS, der.name_constraints(tuple(permitted), tuple(excluded)), True)
    end = leaf("x", key("P-256", 1), root)
    end.extend(SAN, der.general_names(*names))
    agreed(Both(go, end, [root]))


# Few labels, so that constraints contain each other and stand beside each other.
NEIGHBOURS = st.lists(st.sampled_from(("a", "b", "A", "a-b", "-b")), min_size=1, max_size=3).map(".".join)
SUBTREES = st.lists(st.tuples(st.sampled_from(("", ".")), NEIGHBOURS).map("".join), min_size=1, max_size=6)


@generated(max_examples=600)
@given(
    domain=st.tuples(st.sampled_from(("", "*.")), NEIGHBOURS).map("".join),
    port=st.sampled_from(("", ":", ":443")),
    permitted=st.one_of(st.just([]), SUBTREES),
    excluded=SUBTREES,
)
def test_of_constraints_that_overlap_the_one_is_named_that_go_names(
    go: GoVerify, domain: str, port: str, permitted: list[str], excluded: list[str]
) -> None:
    forms: list[tuple[bytes, Callable[[str], bytes]]] = [
        (der.dns(domain), der.dns),
        (der.email(f"x@{domain}"), der.email),
        (der.uri(f"https://{domain}{port}/"), der.uri),
    ]
    for name, constraint in forms:
        root = authority("ca", key("P-256"))
        subtrees = (tuple(map(constraint, permitted)), tuple(map(constraint, excluded)))
        root.extend(NAME_CONSTRAINTS, der.name_constraints(*subtrees))
        both = Both(go, leaf("x", key("P-256", 1), root, name), [root])
        assert not both.unknown
        assert both.disagreement() == {}


@generated()
@given(
    common_name=st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=12),
    organization=st.text(st.characters(exclude_categories=("Cs", "Cn")), max_size=12),
)
def test_an_authority_is_named_in_a_message_as_go_names_it(go: GoVerify, common_name: str, organization: str) -> None:
    root, rebuilt = (authority("ca", key("P-256", number)) for number in (0, 1))
    root.subject = rebuilt.subject = der.name((der.ORGANIZATION, organization), (der.COMMON_NAME, common_name))
    agreed(Both(go, leaf("x", key("P-256", 2), root), [rebuilt]))
