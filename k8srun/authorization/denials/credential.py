"""The credential that a 401 is about: what its kubeconfig and its claims tell, and what the cluster says to that."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from k8srun.authorization.attributes import Identity
from k8srun.authorization.denials.case import MESSAGE, Case, Judgement, confirmed, ruled_out, undecided
from k8srun.findings import Evidence
from k8srun.kinds import Kind
from k8srun.kubeconfig import KubeconfigUser
from k8srun.snapshot import JsonObject, Need
from k8srun.text import visible


def said_in(case: Case, pattern: str) -> Judgement | None:
    """Confirmed where the API server's log says so in the text."""
    text = f"{case.denial.reason} {case.denial.message}"
    match = re.search(pattern, text)
    return (
        confirmed(Evidence(f"the API server says: {visible(text[match.start() :], limit=300).strip()}", MESSAGE))
        if match
        else None
    )


def user_of(case: Case) -> KubeconfigUser | None:
    return case.world.client[1] if case.world.client else None


def place_of(case: Case) -> str:
    return case.world.client[0].place if case.world.client else ""


def held(case: Case, fact: str) -> Evidence:
    user = user_of(case)
    return Evidence(fact, f"user {visible(user.name, limit=100)} in {place_of(case)}" if user else "")


def claims_of(case: Case) -> Mapping[str, Any]:
    user = user_of(case)
    return (user.token_claims if user else None) or {}


def token_tells_nothing(case: Case, why: str) -> Judgement:
    """For a cause that only a token can have, where the token does not tell."""
    user = user_of(case)
    if user is None:
        return undecided()
    if "token" not in user.credential and not user.exec_command:
        return ruled_out(f"the user authenticates with: {user.credential}", place_of(case))
    return undecided(held(case, why if user.token_claims else "the token is opaque"))


def account_of(case: Case) -> tuple[str, str] | None:
    return Identity(str(claims_of(case).get("sub") or "")).service_account


def bound_to(case: Case, name: str) -> Mapping[str, Any]:
    private = claims_of(case).get("kubernetes.io")
    found = private.get(name) if isinstance(private, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def still_there(case: Case, kind: Kind, namespace: str, name: str, uid: object) -> Judgement:
    what = f"{kind} {visible(namespace, limit=100)}/{visible(name, limit=100)}"
    snapshot = case.world.snapshot
    if Need.objects(kind) not in snapshot.observed or snapshot.unmet(Need.objects(kind)):
        return undecided(held(case, f"the token is of {what}"), Evidence(f"{kind} objects were not all read"))
    item: JsonObject | None = snapshot.find(kind, name, namespace)
    if item is None:
        return confirmed(held(case, f"the token is of {what}"), Evidence(f"there is no {what}", "the snapshot"))
    now = item["metadata"].get("uid")
    if uid and now and uid != now:
        return confirmed(held(case, f"the token is of {what} with uid {visible(str(uid), limit=60)}"),
                         Evidence(f"it was made again: its uid is {now}", what))  # fmt: skip
    return ruled_out(f"{what} is there", what)


def issuers(case: Case) -> tuple[str, ...]:
    return _words(case, "service-account-issuer")


def audiences(case: Case) -> tuple[str, ...]:
    return _words(case, "api-audiences") or issuers(case)


def _words(case: Case, flag: str) -> tuple[str, ...]:
    flags = case.world.authorization.modes.flags or {}
    return tuple(word for word in flags.get(flag, "").split(",") if word)


def texts_of(value: object) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value] if value else []
    return tuple(visible(str(item), limit=200) for item in given)


def time_of(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(value), UTC) if isinstance(value, int | float) else None
    except (OverflowError, OSError, ValueError):
        return None
