"""Whether a rule matches a request, and whether rules cover rules: the two relations of RBAC, as the server has them.

Case-sensitive throughout; a verb or resource `*` in a request is a literal.
Source: kubernetes `pkg/apis/rbac/v1/evaluation_helpers.go`; component-helpers
`auth/rbac/validation/policy_comparator.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from k8srun.authorization.attributes import Attributes
from k8srun.authorization.model import ALL, Rule


def allows(rule: Rule, request: Attributes) -> bool:
    """Whether the rule grants the request, wherever its binding holds."""
    verbs = rule.verbs
    if request.verb not in verbs and ALL not in verbs:
        return False
    if request.path is not None:
        return any(url_matches(url, request.path) for url in rule.urls)
    return (
        (request.group in rule.groups or ALL in rule.groups)
        and resource_matches(rule, request.resource, request.subresource)
        and (not rule.names or request.name in rule.names)
    )


def resource_matches(rule: Rule, resource: str, subresource: str) -> bool:
    """`*` covers subresources, `pods` does not cover `pods/log`, `*/scale` covers every scale."""
    resources = rule.resources
    if ALL in resources:
        return True
    if not subresource:
        return resource in resources
    return f"{resource}/{subresource}" in resources or f"*/{subresource}" in resources


def url_matches(pattern: str, path: str) -> bool:
    """Exact, or a raw prefix with `*` behind it: `/foo*` matches `/foobar`, `/foo/*` does not match `/foo`."""
    if pattern in (path, ALL):
        return True
    return pattern.endswith("*") and path.startswith(pattern.rstrip("*"))


def uncovered(owned: Sequence[Rule], wanted: Iterable[Rule]) -> tuple[Rule, ...]:
    """What of `wanted` somebody who holds `owned` does not hold, in rules of one verb and one resource each.

    This is what the server asks before it lets anybody write a role: a literal `*` is needed to cover `*`.
    """
    missing = (part for rule in wanted for part in broken_down(rule) if not any(covers(own, part) for own in owned))
    return tuple(dict.fromkeys(missing))


def broken_down(rule: Rule) -> Iterator[Rule]:
    """The rule in parts of one group, resource, verb and name, or of one URL and verb."""
    for group in rule.groups:
        for resource in rule.resources:
            for verb in rule.verbs:
                if rule.names:
                    yield from (Rule((verb,), (group,), (resource,), (name,)) for name in rule.names)
                else:
                    yield Rule((verb,), (group,), (resource,))
    for url in rule.urls:
        yield from (Rule((verb,), urls=(url,)) for verb in rule.verbs)


def covers(owner: Rule, part: Rule) -> bool:
    """Whether one rule holds all of another that `broken_down` made."""
    return (
        _has_all(owner.verbs, part.verbs)
        and _has_all(owner.groups, part.groups)
        and all(_resource_covered(owner, resource) for resource in part.resources)
        and (not owner.names or (bool(part.names) and set(part.names) <= set(owner.names)))
        and all(any(_url_covers(own, url) for own in owner.urls) for url in part.urls)
    )


def _has_all(owned: Sequence[str], wanted: Sequence[str]) -> bool:
    return ALL in owned or all(item in owned for item in wanted)


def _resource_covered(owner: Rule, resource: str) -> bool:
    if ALL in owner.resources or resource in owner.resources:
        return True
    _, slash, subresource = resource.partition("/")
    return bool(slash) and f"*/{subresource}" in owner.resources


def _url_covers(own: str, url: str) -> bool:
    return own == url or (own.endswith("*") and url.startswith(own.rstrip("*")))
