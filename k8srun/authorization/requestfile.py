"""The access request: what somebody who was refused hands to somebody who may read RBAC. It holds no secret.

The denied person often cannot read roles and bindings. The file says who, what, where and in which words; whoever
opens it with the same runbook gets the whole answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.authorization.denials.reading import read
from k8srun.codec import decode, document, parse_json, pretty
from k8srun.errors import InputError
from k8srun.scrub import scrub
from k8srun.text import visible

SCHEMA = "k8srun.dev/access-request/v1"
_LONGEST = 4000
_MOST_GROUPS = 200


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What was refused to whom.

    Attributes:
        user, groups: who; groups only as far as they are known.
        verb, group, resource, subresource, namespace, name: what, as RBAC names it.
        path: of a URL that is no resource; empty for a resource.
        message: the refusal, reduced.
        client: what sent the request, as far as that was told.
        why: what it is needed for, in the words of who asks.
        server: the address of the API server that refused.
        at: when it was refused, as the message has it.
        written: when the file was.
    """

    user: str
    message: str
    written: datetime
    groups: tuple[str, ...] = ()
    verb: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    client: str = ""
    why: str = ""
    server: str = ""
    at: str = ""

    @property
    def denial(self) -> Denial:
        """The refusal as a text would have told it."""
        if not self.verb:
            found = read(self.message)
            return found or Denial(DenialKind.OTHER, self.message, Identity(self.user, self.groups))
        request = (
            Attributes(self.verb, path=self.path)
            if self.path
            else Attributes(self.verb, self.group, self.resource, self.subresource, self.namespace, self.name)
        )
        told = read(self.message)
        reason = told.reason if told else ""
        identity = Identity(self.user, self.groups)
        return Denial(DenialKind.ACCESS, self.message, identity, request, reason=reason, client=self.client, at=self.at)


def access_request(
    denial: Denial, now: datetime, *, groups: tuple[str, ...] = (), why: str = "", server: str = ""
) -> AccessRequest:
    """The request that a refusal is a reason for.

    Args:
        groups: of who was refused, where something else than the message tells.
        why: what it is needed for.
    """
    request = denial.request or Attributes("")
    return AccessRequest(
        user=denial.identity.user,
        message=denial.message,
        written=now.astimezone(UTC).replace(microsecond=0),
        groups=denial.identity.groups or groups,
        verb=request.verb,
        group=request.group,
        resource=request.resource,
        subresource=request.subresource,
        namespace=request.namespace,
        name=request.name,
        path=request.path or "",
        client=denial.client,
        why=visible(scrub(why), limit=_LONGEST),
        server=visible(server, limit=300),
        at=denial.at,
    )


def request_text(request: AccessRequest) -> str:
    """The request as its file holds it."""
    return pretty(document(SCHEMA, request)) + "\n"


def read_request(data: bytes | str, *, where: str) -> AccessRequest:
    """The request that a file holds. The file may come from anybody: it says what somebody wants, and proves nothing.

    Raises:
        InputError: it is not an access request, or one that is no request.
    """
    raw = parse_json(data, where=where)
    schema = raw.get("schema") if isinstance(raw, dict) else None
    if schema != SCHEMA:
        raise InputError(
            f"not an access request: its schema is {visible(str(schema), limit=80)}, not {SCHEMA}",
            where=where,
            do="Write one: k8srun run forbidden-403 -p error='…' -p write_request=request.json",
        )
    found = decode(data, AccessRequest, where=where)
    texts = (found.user, found.message, found.verb, found.group, found.resource, found.subresource, found.namespace,
             found.name, found.path, found.client, found.why, found.server, found.at, *found.groups)  # fmt: skip
    if any(len(text) > _LONGEST for text in texts) or len(found.groups) > _MOST_GROUPS:
        raise InputError("holds more than an access request can", where=where)
    if not found.user and not found.message:
        raise InputError("names neither who was refused nor the message", where=where)
    if found.verb and not (found.resource or found.path):
        raise InputError("has a verb and neither a resource nor a path", where=where)
    return found
