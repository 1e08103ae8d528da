"""The server's own words for each kind of refusal.

Source: kubernetes/apiserver `pkg/endpoints/handlers/responsewriters/errors.go`, apimachinery `pkg/api/errors`; for the
others the plugin that each row names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.authorization.denials.gostrings import QUOTED, unescaped_html, unquoted

_PREFIX = rf"(?:(?:(?P<gr>[^\s\":]{{1,300}})(?: (?P<name>{QUOTED}))? is )?forbidden: )?"
_ACCESS = re.compile(
    rf"{_PREFIX}User (?P<user>{QUOTED}) cannot (?P<verb>[^\s\"]{{1,200}}) (?:"
    rf"resource (?P<resource>{QUOTED}) in API group (?P<group>{QUOTED})"
    rf" (?:in the namespace (?P<namespace>{QUOTED})|at the cluster scope)"
    rf"|path (?P<path>{QUOTED}))(?:: (?P<reason>[^\n]*(?:\n(?:\w+: )?RBAC: [^\n]*)*))?"
)
# Before Kubernetes 1.10: `User "u" cannot create pods/portforward in the namespace "ns"`.
_ACCESS_BEFORE_1_10 = re.compile(
    rf"{_PREFIX}User (?P<user>{QUOTED}) cannot (?P<verb>[a-z]{{1,40}}) (?P<target>[a-z][\w.-]{{0,250}}(?:/\w{{1,60}})?)"
    rf" (?:in the namespace (?P<namespace>{QUOTED})|at the cluster scope)"
)
_ESCALATION = re.compile(
    rf"(?:(?P<target>\S{{1,300}}(?: {QUOTED})?) is forbidden: |forbidden: )?"
    rf"user (?P<user>{QUOTED}) \(groups=\[(?P<groups>(?:\s*{QUOTED})*)\]\) is attempting to grant RBAC permissions"
    r" not currently held:(?P<rules>(?:\s*\{[^{}\n]{1,5000}\})*)(?P<reason>; resolution errors: \[[^\n]*\])?"
)
_TARGET = rf"(?:(?P<target>[^\s\":]{{1,300}}(?: {QUOTED})?) is forbidden: |forbidden: )"
_RULE = re.compile(r"\{[^{}\n]{1,5000}\}")
_NEXT_FIELD = re.compile(r"\" [A-Za-z][\w.]{0,60}=")  # of a structured log line
_NOT_AN_OBJECT = frozenset({"which", "it", "access", "that", "this", "is"})


@dataclass(frozen=True, slots=True)
class Pattern:
    """A kind of refusal: what it looks like, and which group of the pattern says what it is about."""

    kind: DenialKind
    pattern: re.Pattern[str]


def _row(kind: DenialKind, pattern: str) -> Pattern:
    return Pattern(kind, re.compile(pattern))


_PATTERNS = (
    # Source: kubernetes, plugin/pkg/registry/rbac/…/policybased
    _row(DenialKind.AGGREGATION, rf"{_TARGET}?must have cluster-admin privileges to use (?:the )?aggregationRule"),
    _row(DenialKind.MASTERS, r"impersonating the (?P<about>system:masters) group is not allowed"),
    # Source: kubernetes, plugin/pkg/admission/certificates
    _row(
        DenialKind.SIGNER,
        rf"{_TARGET}?user not permitted to (?:approve|sign) requests with signerName (?P<about>{QUOTED})",
    ),
    # Source: kubernetes, plugin/pkg/admission/gc
    _row(
        DenialKind.OWNER_REFERENCE,
        rf"{_TARGET}?cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set"
        r" finalizers on: (?P<about>[^,\n]{0,500})",
    ),
    # Source: kubernetes, plugin/pkg/admission/noderestriction
    _row(DenialKind.NODE_RESTRICTION, rf"{_TARGET}node (?P<about>{QUOTED}) (?:can only|is not allowed|cannot) [^\n]*"),
    # Source: kubernetes, pkg/kubelet/server
    _row(
        DenialKind.KUBELET,
        r"Forbidden \(user=(?P<user>[^,\n]*), verb=(?P<verb>[^,\n]*), resource=(?P<resource>[^,\n]*)"
        r", subresource=(?P<subresource>[^,\n)]*)\)",
    ),
    _row(DenialKind.POD_SECURITY, rf"{_TARGET}?violates PodSecurity (?P<about>{QUOTED})(?:: (?P<reason>[^\n]*))?"),
    _row(
        DenialKind.POLICY,
        rf"{_TARGET}?ValidatingAdmissionPolicy '(?P<about>[^'\n]{{1,300}})' with binding '[^'\n]{{1,300}}' denied"
        r" request(?:: (?P<reason>[^\n]*))?",
    ),
    _row(
        DenialKind.WEBHOOK,
        rf"admission webhook (?P<about>{QUOTED}) denied the request(?:: (?P<reason>[^\n]*)| without explanation)?",
    ),
    _row(
        DenialKind.QUOTA, rf"{_TARGET}?(?:exceeded|failed) quota: (?P<about>[^,:\n]{{1,300}})(?:, (?P<reason>[^\n]*))?"
    ),
    _row(
        DenialKind.TERMINATING,
        rf"{_TARGET}?unable to create new content in namespace (?P<about>\S{{1,100}}) because it is being terminated",
    ),
    _row(
        DenialKind.CLOUD,
        rf"{_TARGET}?(?:[Rr]equire[sd]? one of (?P<about>\[[^\]\n]{{1,500}}\]) permission\(?s?\)?[^\n]*"
        r"|User does not have access to the resource in Azure\.[^\n]*)",
    ),
    # Source: argo-cd, server/rbacpolicy
    _row(DenialKind.ARGO_CD, r"permission denied: (?P<about>\w+, \w+, [^\s,]+), sub: [^\s,]*(?:, iat: \S+)?"),
    # The tail is empty: the check that exec, attach and portforward make by themselves says nothing of its own.
    _row(DenialKind.CREATE_CHECK, rf"(?P<target>pods {QUOTED}) is forbidden: ?(?=$|\n|[\"'}}])"),
    _row(
        DenialKind.OTHER,
        rf"(?P<target>[a-z][\w.-]{{1,250}}(?: {QUOTED})?) is forbidden: (?P<reason>[^\n]*)"
        r"|(?P<reason2>the server does not allow access to the requested resource[^\n]*)",
    ),
    _row(
        DenialKind.UNAUTHENTICATED,
        r"You must be logged in to the server(?: \((?P<reason>[^\n]*)\))?"
        r"|the server has asked for the client to provide credentials"
        r"|Unable to authenticate the request\"? err=(?P<reason2>[^\n]*)"
        r"|(?:error|reason|message|server|body|code|[Ff]ailed)[^\n]{0,60}\bUnauthorized\b"
        r"|^\s*Unauthorized\s*$|\b401 Unauthorized\b"
        r"|(?P<reason3>getting credentials: [^\n]*)",
    ),
)


def denials(text: str, *, whole: bool = False) -> Iterator[tuple[int, Denial]]:
    """Every refusal in a text, with where it begins; the more telling kinds first.

    Args:
        whole: the text is one message and nothing else, so that everything after a denial is its reason.
    """
    for pattern, build in _BUILT:
        for match in pattern.finditer(text):
            yield match.start(), build(match, text, whole)
    for row in _PATTERNS:
        for match in row.pattern.finditer(text):
            found = _plain(row.kind, match)
            if found:
                yield match.start(), found


def _access(match: re.Match[str], text: str, whole: bool) -> Denial:
    said = {name: _of_server(value) for name, value in match.groupdict().items() if value is not None}
    request = (
        Attributes(said["verb"], path=said["path"])
        if "path" in said
        else Attributes(
            said["verb"],
            said["group"],
            *_halves(said["resource"]),
            said.get("namespace", ""),
            # The name stands outside of the part that is escaped for HTML.
            unquoted(match["name"]) if match["name"] else "",
        )
    )
    reason = match["reason"] or ""
    if whole and reason:
        reason = text[match.start("reason") :]
    target = f"{match['gr']} {match['name'] or ''}".strip() if match["gr"] else ""
    return Denial(
        DenialKind.ACCESS, match[0], Identity(said["user"]), request, target, reason if whole else _own(reason)
    )


def _access_before_1_10(match: re.Match[str], text: str, whole: bool) -> Denial:
    target, _, subresource = match["target"].partition("/")
    resource, _, group = target.partition(".")
    namespace = unquoted(match["namespace"]) if match["namespace"] else ""
    name = unquoted(match["name"]) if match["name"] else ""
    request = Attributes(match["verb"], group, resource, subresource, namespace, name)
    return Denial(DenialKind.ACCESS, match[0], Identity(unquoted(match["user"])), request)


def _escalation(match: re.Match[str], text: str, whole: bool) -> Denial:
    groups = tuple(unquoted(found) for found in re.findall(QUOTED, match["groups"]))
    return Denial(
        DenialKind.ESCALATION,
        match[0],
        Identity(unquoted(match["user"]), groups),
        target=match["target"] or "",
        reason=(match["reason"] or "").removeprefix("; "),
        rules=tuple(_RULE.findall(match["rules"])),
    )


_BUILT: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str, bool], Denial]], ...] = (
    (_ACCESS, _access),
    (_ACCESS_BEFORE_1_10, _access_before_1_10),
    (_ESCALATION, _escalation),
)


def _plain(kind: DenialKind, match: re.Match[str]) -> Denial | None:
    said = {name: value for name, value in match.groupdict().items() if value}
    target = said.get("target", "")
    if target.partition(" ")[0] in _NOT_AN_OBJECT:
        return None
    reason = said.get("reason") or said.get("reason2") or said.get("reason3") or ""
    request, identity = None, Identity("")
    if kind is DenialKind.KUBELET:
        request = Attributes(said.get("verb", ""), "", said.get("resource", ""), said.get("subresource", ""))
        identity = Identity(said.get("user", ""))
    return Denial(kind, match[0].strip(), identity, request, target, _own(reason), unquoted(said.get("about", "")))


def _of_server(value: str) -> str:
    """A part of the escaped half of a denial, as it was before."""
    plain = unescaped_html(value)
    return unquoted(plain) if plain.startswith('"') else plain


def _halves(combined: str) -> tuple[str, str]:
    """Resource and subresource of `pods/log`."""
    resource, _, subresource = combined.partition("/")
    return resource, subresource


def _own(reason: str) -> str:
    """A reason out of a log line, without what closes the line's own quotation."""
    kept = _NEXT_FIELD.split(reason, maxsplit=1)[0].strip()
    if kept.count('"') % 2:
        kept = kept.rpartition('"')[0]
    kept = kept.rstrip("}'\\ )") if "(" not in kept else kept.rstrip("}'\\ ")
    return "" if kept == "Unauthorized" else kept
