"""What makes the apiserver call a service over TLS, and the CA bundle that it is given for that."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from k8srun.certificates.shapes import at, entries, mapping, text
from k8srun.kinds import API_SERVICE, CUSTOM_RESOURCE_DEFINITION, MUTATING_WEBHOOK, VALIDATING_WEBHOOK, Kind
from k8srun.pem import PemBlock, read_pem
from k8srun.snapshot import JsonObject, Snapshot, resource_name


def ca_bundle_of(client_config: Mapping[str, Any]) -> tuple[PemBlock, ...]:
    """The blocks of a `caBundle` field: base64 of PEM; empty when the field is."""
    value = client_config.get("caBundle")
    return decoded(value) if value else ()


@dataclass(frozen=True, slots=True)
class Caller:
    """Something that makes the apiserver call a service over TLS: a webhook, a CRD's conversion, an aggregated API.

    `config` is what holds its `caBundle` and its `service` or `url`; `name` is the webhook's, empty where it has none.
    """

    kind: Kind
    item: JsonObject
    name: str
    config: Mapping[str, Any]
    number: int = 0

    @property
    def place(self) -> str:
        return f"{resource_name(self.kind, self.item)}{f', webhook {self.name}' if self.name else ''}"


def callers(snapshot: Snapshot) -> Iterator[Caller]:
    """Every webhook, CRD conversion and aggregated API of the snapshot that is called over verified TLS."""
    for kind in (VALIDATING_WEBHOOK, MUTATING_WEBHOOK):
        for item in snapshot.of(kind):
            for number, webhook in enumerate(entries(item.get("webhooks"))):
                yield Caller(kind, item, text(webhook.get("name")), mapping(webhook.get("clientConfig")), number)
    for item in snapshot.of(CUSTOM_RESOURCE_DEFINITION):
        config = mapping(at(item, "spec", "conversion", "webhook", "clientConfig"))
        if config:
            yield Caller(CUSTOM_RESOURCE_DEFINITION, item, "", config)
    for item in snapshot.of(API_SERVICE):
        spec = mapping(item.get("spec"))
        if spec.get("service") and not spec.get("insecureSkipTLSVerify"):
            yield Caller(API_SERVICE, item, "", spec)


def decoded(value: object) -> tuple[PemBlock, ...]:
    """The blocks of a field that holds base64 of PEM; one with the error where it does not."""
    try:
        return read_pem(base64.b64decode(str(value), validate=True))
    except (binascii.Error, ValueError):
        return (PemBlock("", error="not valid base64"),)
