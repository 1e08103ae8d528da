"""The server's own words for each kind of refusal.

Source: kubernetes/apiserver `pkg/endpoints/handlers/responsewriters/errors.go`, apimachinery `pkg/api/errors`; for the
others the plugin that each row names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from k8srun.authorization.attributes import Attributes, Identity
from k8srun.authorization.denials.denial import Denial, DenialKind
from k8srun.authorization.denials.gostrings import QUOTED, unescaped_html, unquoted
from k8srun.authorization.denials.prefix import target_before

_ACCESS = re.compile(
    rf"User (?P<user>{QUOTED}) cannot (?P<verb>[^\s\"]{{1,200}}) (?:"
    rf"resource (?P<resource>{QUOTED}) in API group (?P<group>{QUOTED})"
    rf" (?:in the namespace (?P<namespace>{QUOTED})|at the cluster scope)"
    rf"|path (?P<path>{QUOTED}))(?:: (?P<reason>[^\n]*(?:\n(?:\w+: )?RBAC: [^\n]*)*))?"
)
# Before Kubernetes 1.10: `User "u" cannot create pods/portforward in the namespace "ns"`.
_ACCESS_BEFORE_1_10 = re.compile(
    rf"User (?P<user>{QUOTED}) cannot (?P<verb>[a-z]{{1,40}}) (?P<target>[a-z][\w.-]{{0,250}}(?:/\w{{1,60}})?)"
    rf" (?:in the namespace (?P<namespace>{QUOTED})|at the cluster scope)"
)
_ESCALATION = re.compile(
    rf"user (?P<user>{QUOTED}) \(groups=\[(?P<groups>(?:\s*{QUOTED})*)\]\) is attempting to grant RBAC permissions"
    r" not currently held:(?P<rules>(?:\s*\{[^{}\n]{1,5000}\})*)(?P<reason>; resolution errors: \[[^\n]*\])?"
)
_RULE = re.compile(r"\{[^{}\n]{1,5000}\}")
# The next field of a structured log line, or what the clients of kube-rs add.
_NEXT_FIELD = re.compile(r"\" [A-Za-z][\w.]{0,60}=|\bForbidden \(ErrorResponse \{")
_OBJECT = re.compile(r"(?!(?:which|it|access|that|this|what)\Z)[a-z][a-z0-9.-]{1,250}")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A kind of refusal: what it looks like, and which group of the pattern says what it is about."""

    kind: DenialKind
    pattern: re.Pattern[str]


def _row(kind: DenialKind, pattern: str) -> Pattern:
    return Pattern(kind, re.compile(pattern))


_PATTERNS = (
    # Source: kubernetes, plugin/pkg/registry/rbac/…/policybased
    _row(DenialKind.AGGREGATION, r"must have cluster-admin privileges to use (?:the )?aggregationRule"),
    _row(DenialKind.MASTERS, r"impersonating the (?P<about>system:masters) group is not allowed"),
    # Source: kubernetes, plugin/pkg/admission/certificates
    _row(
        DenialKind.SIGNER,
        rf"user not permitted to (?:approve|sign) requests with signerName (?P<about>{QUOTED})",
    ),
    # Source: kubernetes, plugin/pkg/admission/gc
    _row(
        DenialKind.OWNER_REFERENCE,
        r"cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set"
        r" finalizers on: (?P<about>[^,\n]{0,500})",
    ),
    # Source: kubernetes, plugin/pkg/admission/noderestriction
    _row(DenialKind.NODE_RESTRICTION, rf"node (?P<about>{QUOTED}) (?:can only|is not allowed|cannot) [^\n]*"),
    # Source: kubernetes, pkg/kubelet/server
    _row(
        DenialKind.KUBELET,
        r"Forbidden \(user=(?P<user>[^,\n]*), verb=(?P<verb>[^,\n]*), resource=(?P<resource>[^,\n]*)"
        r", subresource=(?P<subresource>[^,\n)]*)\)",
    ),
    _row(DenialKind.POD_SECURITY, rf"violates PodSecurity (?P<about>{QUOTED})(?:: (?P<reason>[^\n]*))?"),
    _row(
        DenialKind.POLICY,
        r"ValidatingAdmissionPolicy '(?P<about>[^'\n]{1,300})' with binding '[^'\n]{1,300}' denied"
        r" request(?:: (?P<reason>[^\n]*))?",
    ),
    _row(
        DenialKind.WEBHOOK,
        rf"admission webhook (?P<about>{QUOTED}) denied the request(?:: (?P<reason>[^\n]*)| without explanation)?",
    ),
    _row(DenialKind.QUOTA, r"(?:exceeded|failed) quota: (?P<about>[^,:\n]{1,300})(?:, (?P<reason>[^\n]*))?"),
    _row(
        DenialKind.TERMINATING,
        r"unable to create new content in namespace (?P<about>\S{1,100}) because it is being terminated",
    ),
    _row(
        DenialKind.CLOUD,
        r"(?:[Rr]equire[sd]? one of (?P<about>\[[^\]\n]{1,500}\]) permission\(?s?\)?[^\n]*"
        r"|User does not have access to the resource in Azure\.[^\n]*)",
    ),
    # Source: argo-cd, server/rbacpolicy
    _row(DenialKind.ARGO_CD, r"permission denied: (?P<about>\w+, \w+, [^\s,]+), sub: [^\s,]*(?:, iat: \S+)?"),
    # The tail is empty: the check that exec, attach and portforward make by themselves says nothing of its own.
    _row(DenialKind.CREATE_CHECK, r"(?<=forbidden: )(?=$|\n|[\"'}])|(?<=forbidden:)(?=$|\n|[\"'}])"),
    # What is left of an authorizer's words: nobody else begins so.
    _row(DenialKind.CUT, rf"(?<=forbidden: )User (?:(?P<user>{QUOTED})|\")[^\n]{{0,500}}"),
    # Source: kubernetes, apimachinery `pkg/api/errors` and client-go `rest`, for an answer without a Status
    _row(
        DenialKind.BARE,
        r"the server does not allow access to the requested resource"
        r"|Error from server \(Forbidden\): unknown\b(?! is forbidden)",
    ),
    _row(DenialKind.OTHER, r"(?<=is forbidden: )(?P<reason>[^\n]+)"),
    _row(
        DenialKind.UNAUTHENTICATED,
        r"You must be logged in to the server(?: \((?P<reason>[^\n]*)\))?"
        r"|the server has asked for the client to provide credentials"
        r"|Unable to authenticate the request\"? err=(?P<reason2>[^\n]*)"
        r"|(?:error|reason|message|server|body|code|[Ff]ailed)[^\n]{0,60}\bUnauthorized\b\)?"
        r"|\b(?:Error|Reason|Message): Unauthorized\b"
        r"|^\s*Unauthorized\s*$|\b401 Unauthorized\b"
        r"|(?P<reason3>(?:getting credentials|failed to refresh token): [^\n]*)",
    ),
)


def denials(text: str, *, whole: bool = False) -> Iterator[tuple[int, Denial]]:
    """Every refusal in a text, with where it begins; the more telling kinds first.

    Args:
        whole: the text is one message and nothing else, so that everything after a denial is its reason.
    """
    for pattern, build in _BUILT:
        for match in pattern.finditer(text):
            found = build(match, Before.of(text, match.start()))
            if whole and found.reason:
                found = replace(found, reason=text[match.start("reason") :].removeprefix("; "))
            yield match.start(), found
    for row in _PATTERNS:
        for match in row.pattern.finditer(text):
            plain = _plain(row.kind, match, Before.of(text, match.start()))
            if plain:
                yield match.start(), plain


@dataclass(frozen=True, slots=True)
class Before:
    """Resource and name in front of a refusal, as `target_before` reads them."""

    resource: str
    quoted: str

    @staticmethod
    def of(text: str, at: int) -> Before:
        return Before(*target_before(text, at))

    @property
    def target(self) -> str:
        return f"{self.resource} {self.quoted}".strip()

    @property
    def name(self) -> str:
        return unquoted(self.quoted) if self.quoted else ""

    def message(self, match: re.Match[str]) -> str:
        said = f"{self.target} is forbidden: {match[0]}" if self.resource else match[0]
        return said.strip()


def _access(match: re.Match[str], before: Before) -> Denial:
    said = {name: _of_server(value) for name, value in match.groupdict().items() if value is not None}
    request = (
        Attributes(said["verb"], path=said["path"])
        if "path" in said
        # The name stands outside of the part that is escaped for HTML.
        else Attributes(said["verb"], said["group"], *_halves(said["resource"]), said.get("namespace", ""), before.name)
    )
    reason = _own(match["reason"] or "")
    return Denial(DenialKind.ACCESS, before.message(match), Identity(said["user"]), request, before.target, reason)


def _access_before_1_10(match: re.Match[str], before: Before) -> Denial:
    target, _, subresource = match["target"].partition("/")
    resource, _, group = target.partition(".")
    namespace = unquoted(match["namespace"]) if match["namespace"] else ""
    request = Attributes(match["verb"], group, resource, subresource, namespace, before.name)
    return Denial(DenialKind.ACCESS, before.message(match), Identity(unquoted(match["user"])), request, before.target)


def _escalation(match: re.Match[str], before: Before) -> Denial:
    groups = tuple(unquoted(found) for found in re.findall(QUOTED, match["groups"]))
    return Denial(
        DenialKind.ESCALATION,
        before.message(match),
        Identity(unquoted(match["user"]), groups),
        target=before.target,
        reason=_own((match["reason"] or "").removeprefix("; ")),
        rules=tuple(_RULE.findall(match["rules"])),
    )


_BUILT: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], Before], Denial]], ...] = (
    (_ACCESS, _access),
    (_ACCESS_BEFORE_1_10, _access_before_1_10),
    (_ESCALATION, _escalation),
)


def _plain(kind: DenialKind, match: re.Match[str], before: Before) -> Denial | None:
    said = {name: value for name, value in match.groupdict().items() if value}
    if kind is DenialKind.CREATE_CHECK and (before.resource != "pods" or not before.quoted):
        return None
    if kind is DenialKind.OTHER and "reason" in said and not _OBJECT.fullmatch(before.resource):
        return None
    reason = said.get("reason") or said.get("reason2") or said.get("reason3") or ""
    request, identity = None, Identity("")
    if kind is DenialKind.KUBELET:
        request = Attributes(said.get("verb", ""), "", said.get("resource", ""), said.get("subresource", ""))
        identity = Identity(said.get("user", ""))
    elif kind is DenialKind.CUT:
        identity = Identity(_of_server(said.get("user", "")))
    about = unquoted(said.get("about", ""))
    return Denial(kind, before.message(match), identity, request, before.target, _own(reason), about)


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
