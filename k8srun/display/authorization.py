"""Tables of who may do what: people, groups, ServiceAccounts, roles, API groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from k8srun.authorization.apiresources import ApiResource
from k8srun.authorization.chain import Authorization
from k8srun.authorization.dangers import dangerous, is_system
from k8srun.authorization.decision import Decision
from k8srun.authorization.fixes.options import Proposal
from k8srun.authorization.identities import Authenticator, Who
from k8srun.authorization.model import Grant
from k8srun.authorization.nearmisses import NearMiss
from k8srun.authorization.paths import AttackPath
from k8srun.authorization.permissions import AccessMatrix, Permissions
from k8srun.authorization.requestfile import AccessRequest
from k8srun.authorization.serviceaccounts import Account
from k8srun.authorization.whocan import WhoCan
from k8srun.display.tables import frame, pairs

_HOLDERS = ("Who", "By", "Role", "Who that is", "Runs")
_PERMISSIONS = ("Where", "Verbs", "What", "By")
_DANGERS = ("Severity", "Who", "Can", "Where", "By")
_PATHS = ("Who", "Steps", "How")
_ACCOUNTS = ("ServiceAccount", "Runs", "Token mounted", "Bindings", "From other namespaces", "Token Secrets", "To know")
_ROLES = ("Role", "Rules", "Bound by", "To")
_RESOURCES = ("Resource", "API group", "Version", "Stability", "Namespaced", "Short names", "Subresources", "Verbs")
_AUTHENTICATORS = ("Way in", "How", "Warning")
_CHAIN = ("Authorizer", "Says")
_OPTIONS = ("Option", "What it does", "Gives besides", "Dangerous", "New ways to cluster-admin")
_MOST = 12


def holders(found: WhoCan) -> pd.DataFrame:
    """One row for each way by which somebody can."""
    rows: list[dict[str, object]] = [
        {
            "Who": str(holder.subject),
            "By": str(grant.binding) if grant else holder.reason or "nothing: it needs no grant",
            "Role": str(grant.role) if grant else "",
            "Who that is": holder.meaning,
            "Runs": _joined(holder.workloads, 3),
        }
        for holder in found.holders
        for grant in (holder.grants or (None,))
    ]
    rows += [
        {"Who": who, "By": why, "Role": "", "Who that is": "", "Runs": ""}
        for who, reasons in (("to know", found.warnings), ("perhaps others", found.unknown))
        for why in reasons
    ]
    return frame(rows, _HOLDERS)


def decision(request: str, found: Decision, misses: Sequence[NearMiss]) -> pd.DataFrame:
    """The answer, its proof or what came close, and what could not be asked."""
    rows = [("Question", request), ("Answer", found.answer), ("Decided by", found.authorizer or "nobody")]
    rows += [("Proof", str(found.proof))] if found.proof else []
    rows += [("Reason", found.reason)] if found.reason else []
    rows += [("Came close", miss.message) for miss in misses] if not found.allowed else []
    rows += [("Not known", reason) for reason in found.unknown]
    rows += [("To know", warning) for warning in found.warnings]
    return pairs(rows)


def permissions(found: Permissions) -> pd.DataFrame:
    """One row for each rule that somebody holds, and for whatever may be more."""
    rows = [("everywhere", "*", "everything", "system:masters, or AlwaysAllow")] if found.everything else []
    for one in found.rules:
        what = _what(one.grants[0]) if one.grants else str(one.rule)
        by = _joined([str(grant.binding) for grant in one.grants], 2)
        rows.append((one.namespace or "everywhere", ", ".join(one.rule.verbs), what, by))
    for binding in found.dangling:
        gone = f"nothing: {binding.role_kind} {binding.role_name} does not exist"
        rows.append((binding.namespace or "everywhere", "", gone, str(binding)))
    rows += [("perhaps more", "", reason, "") for reason in found.unknown]
    return frame([dict(zip(_PERMISSIONS, row, strict=True)) for row in rows], _PERMISSIONS)


def matrix(found: AccessMatrix) -> pd.DataFrame:
    """A row for each subject and resource, a column for each verb: yes, no, or ? where it cannot be told."""
    signs = {"yes": "yes", "no": "·", "unknown": "?"}
    columns = ("Subject", "Resource", *found.verbs)
    rows: list[dict[str, object]] = [
        {
            "Subject": str(row.subject),
            "Resource": row.resource,
            **{verb: signs[one.answer] for verb, one in zip(found.verbs, row.decisions, strict=True)},
        }
        for row in found.rows
    ]
    return frame(rows, columns)


def dangers(authorization: Authorization, *, system: bool) -> pd.DataFrame:
    """One row for each dangerous thing that a binding lets a subject do, the worst first."""
    found: dict[tuple[str, str, str, str], tuple[int, str]] = {}
    for binding in authorization.rbac.bindings:
        for subject in binding.subjects:
            if is_system(binding, subject) and not system:
                continue
            for grant in authorization.rbac.grants_by(binding, subject):
                for danger in dangerous(grant):
                    severity = danger.severity_of(grant)
                    key = (str(subject), danger.power, binding.namespace, f"{binding} → {grant.role}")
                    found[key] = max(found.get(key, (-1, "")), (severity.rank, severity.value))
    ranked = sorted(found.items(), key=lambda one: (-one[1][0], one[0]))
    rows: list[dict[str, object]] = [
        {"Severity": said, "Who": who, "Can": power, "Where": where or "everywhere", "By": by}
        for (who, power, where, by), (_, said) in ranked
    ]
    return frame(rows, _DANGERS)


def paths(found: Iterable[AttackPath]) -> pd.DataFrame:
    """One row for each subject that can become cluster-admin, the shortest way first."""
    rows: list[dict[str, object]] = [
        {"Who": str(path.subject), "Steps": path.length, "How": str(path)} for path in found
    ]
    return frame(rows, _PATHS)


def accounts(found: Iterable[Account]) -> pd.DataFrame:
    """One row for each ServiceAccount: what runs as it, what it holds, which tokens it has."""
    rows: list[dict[str, object]] = [
        {
            "ServiceAccount": f"{one.namespace}/{one.name}",
            "Runs": _joined([usage.workload for usage in one.usages], 3),
            "Token mounted": f"{sum(usage.automount for usage in one.usages)} of {len(one.usages)}"
            if one.usages
            else "",
            "Bindings": _joined([str(binding) for binding in one.bindings], 3),
            "From other namespaces": _joined([str(binding) for binding in one.from_elsewhere], 3),
            "Token Secrets": _joined([_token(token.name, token.by_hand, token.last_used) for token in one.tokens], 3),
            "To know": "; ".join(_remarks(one)),
        }
        for one in found
    ]
    return frame(rows, _ACCOUNTS)


def roles(authorization: Authorization, *, system: bool) -> pd.DataFrame:
    """One row for each role, with its rules and the bindings that lead to it."""
    rbac = authorization.rbac
    rows: list[dict[str, object]] = []
    for key, role in sorted(rbac.roles.items()):
        if role.system and not system:
            continue
        bindings = [binding for bound in rbac.bindings_of_role.get(key, {}).values() for binding in bound]
        subjects = dict.fromkeys(str(subject) for binding in bindings for subject in binding.subjects)
        rows.append(
            {
                "Role": str(role),
                "Rules": _joined([str(rule) for rule in role.rules], 4),
                "Bound by": _joined([str(binding) for binding in bindings], 3),
                "To": _joined(list(subjects), 4),
            }
        )
    rows += [
        {"Role": f"{binding.role_kind} {binding.role_name} (missing)", "Rules": "", "Bound by": str(binding),
         "To": _joined([str(subject) for subject in binding.subjects], 4)}
        for binding in rbac.dangling
    ]  # fmt: skip
    return frame(rows, _ROLES)


def resources(found: Iterable[ApiResource]) -> pd.DataFrame:
    """One row for each resource, as `kubectl api-resources` lists them."""
    rows: list[dict[str, object]] = [
        {
            "Resource": item.plural,
            "API group": item.group or "core",
            "Version": ", ".join(item.versions),
            "Stability": item.stability,
            "Namespaced": "yes" if item.namespaced else "no",
            "Short names": ", ".join(item.short_names),
            "Subresources": ", ".join(item.subresources),
            "Verbs": ", ".join(item.verbs),
        }
        for item in found
    ]
    return frame(rows, _RESOURCES)


def authenticators(found: Iterable[Authenticator]) -> pd.DataFrame:
    """One row for each way in which the API server lets people in."""
    return frame([{"Way in": one.method, "How": one.detail, "Warning": one.warning} for one in found], _AUTHENTICATORS)


def chain(authorization: Authorization) -> pd.DataFrame:
    """One row for each authorizer, in the order in which they are asked."""
    said = {
        "Node": "what kubelets may do, by the pods of their node",
        "RBAC": "yes by a role and a binding; never no",
        "ABAC": "yes by a line of its file; never no",
        "Webhook": "whatever the program behind it says; it was not asked",
        "AlwaysAllow": "yes to everything",
        "AlwaysDeny": "no to everything",
    }
    found = authorization.modes.authorizers
    rows: list[dict[str, object]] = [
        {"Authorizer": f"{number}. {authorizer}", "Says": said.get(authorizer.type, "")}
        for number, authorizer in enumerate(found, 1)
    ]
    if authorization.outside:
        rows.append({"Authorizer": "besides", "Says": authorization.outside})
    return frame(rows, _CHAIN)


def who(found: Who) -> pd.DataFrame:
    """Whom a credential makes somebody."""
    identity = found.identity
    user = identity.user if identity else "cannot be told"
    groups = ", ".join(identity.groups) if identity else ""
    rows = [("Credential", found.method), ("User", user), ("Groups", groups), *(("", fact) for fact in found.facts)]
    return pairs([*rows, *(("To know", warning) for warning in found.warnings)])


def options(found: Proposal) -> pd.DataFrame:
    """The ways to grant it, the best first: its number is what `grant` takes."""
    rows: list[dict[str, object]] = [
        {
            "Option": f"{number}. {option.way}",
            "What it does": option.title,
            "Gives besides": option.gives_besides,
            "Dangerous": _joined(option.dangers, 4),
            "New ways to cluster-admin": _joined([str(path) for path in option.paths], 3),
        }
        for number, option in enumerate(found.options, 1)
    ]
    return frame(rows, _OPTIONS)


def doubts(found: Proposal) -> pd.DataFrame:
    """Why it may be right that it is refused, whether it worked before, and what the client will need."""
    rows = [("Is needed", str(one)) for one in found.needed]
    rows += [("Worked before", str(evidence)) for evidence in found.earlier.worked]
    rows += [("What took it away", str(evidence)) for evidence in found.earlier.changed]
    rows += [("Ask first", doubt) for doubt in found.doubts]
    return pairs(rows)


def request(found: AccessRequest) -> pd.DataFrame:
    """What an access request says."""
    names = ("user", "verb", "resource", "subresource", "group", "namespace", "name", "path", "client", "why", "server",
             "message")  # fmt: skip
    rows = [(name, str(getattr(found, name))) for name in names if getattr(found, name)]
    return pairs([*rows, ("groups", ", ".join(found.groups) or "not known")])


def nothing_refused() -> pd.DataFrame:
    """In place of a request, where the text holds no refusal."""
    return pairs([("nothing", "The text holds no 403 and no 401: there is nothing to ask for.")])


def _what(grant: Grant) -> str:
    rule = grant.rule
    if rule.urls:
        return ", ".join(rule.urls)
    groups = ", ".join(group for group in rule.groups if group)
    names = f" named {', '.join(rule.names)}" if rule.names else ""
    return f"{_joined(rule.resources, _MOST)}{f' ({groups})' if groups else ''}{names}"


def _token(name: str, by_hand: bool, last_used: str) -> str:
    made = "made by hand" if by_hand else "legacy"
    return f"{name} ({made}, {f'last used {last_used}' if last_used else 'use not recorded'})"


def _remarks(account: Account) -> Iterable[str]:
    if not account.exists:
        yield "it does not exist"
    if account.name == "default" and account.bindings:
        yield "a default ServiceAccount that holds grants: every pod that names none has them"
    if account.idle_mounts:
        yield f"{len(account.idle_mounts)} mount a token that is good for nothing"
    yield from account.cloud


def _joined(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
