"""Why a plan cannot be applied as it stands."""

from __future__ import annotations

from collections.abc import Iterator

from k8srun.apply.options import Options
from k8srun.apply.runs import Run
from k8srun.change import Preview, Validation
from k8srun.text import plural


def blockers(shown: Preview, run: Run | None, options: Options) -> Iterator[str]:
    """Every reason, a sentence each.

    Args:
        shown: the preview as far as it is known.
        run: the unfinished run that would be gone on with, if there is one.
    """
    if not shown.plan.is_local:
        yield from _cluster(shown)
    missing = shown.missing
    if missing:
        yield f"{plural(len(missing), 'permission is', 'permissions are')} missing"
    for step in shown.steps:
        if step.failure:
            yield f"step {step.number}: {step.failure}"
        if step.owner and not options.direct and step.validation is not Validation.DONE:
            yield (
                f"step {step.number}: {step.step.target} is kept by {step.owner} ({step.owner.evidence}), which would"
                " put it back: export the change for the owner (k8srun plan export), or insist on it (--direct)"
            )
    for number, record in sorted(run.steps.items()) if run else ():
        if record.is_open:
            yield f"step {number} is in doubt: {record.last.detail}"
    if options.second_person:
        yield from _second_person(shown)


def _cluster(shown: Preview) -> Iterator[str]:
    wanted, found = shown.plan.cluster, shown.cluster
    if not found.uid:
        yield f"which cluster this is cannot be told: {found.problem}"
    elif not wanted:
        yield "the plan does not say which cluster it is for: it was made without reading the namespace kube-system"
    elif wanted != found.uid:
        yield f"the plan is for another cluster: its kube-system has the uid {wanted}, this one's has {found.uid}"


def _second_person(shown: Preview) -> Iterator[str]:
    # A machine knows its users by other names than a cluster: whether they are one person cannot be told.
    planner, caller = shown.plan.planned_by, "" if shown.plan.is_local else shown.cluster.username
    if not planner or not caller:
        yield "who applies must not be who planned, and it is not known who did"
    elif planner == caller:
        yield f"who applies must not be who planned: {caller} did"
