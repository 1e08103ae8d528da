"""The certificate that a signer issues for an approved request."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import replace

from k8srun.apply.refusals import failure
from k8srun.apply.target import NotDone, Target
from k8srun.change import FailureKind
from k8srun.plan import ObjectRef

_POLL_SECONDS = 0.25


def certificate(request: ObjectRef, target: Target, *, patience: float) -> bytes:
    """Wait for the certificate, PEM.

    Raises:
        NotDone: the request was denied, the signer failed, or no certificate came in time.
    """
    end = time.monotonic() + patience
    while True:
        item = target.read(replace(request, subresource="")) or {}
        status = item.get("status") or {}
        if status.get("certificate"):
            try:
                return base64.b64decode(status["certificate"], validate=True)
            except (binascii.Error, ValueError):
                raise NotDone(failure(FailureKind.OTHER, f"{request}: its certificate is not base64")) from None
        for condition in status.get("conditions") or ():
            if condition.get("type") in {"Denied", "Failed"}:
                said = f"{condition['type'].lower()}: {condition.get('message') or condition.get('reason') or ''}"
                raise NotDone(failure(FailureKind.OTHER, f"{request} was {said}"))
        if time.monotonic() >= end:
            raise NotDone(failure(FailureKind.TIMED_OUT, f"{request} has no certificate yet: is it approved?"))
        time.sleep(_POLL_SECONDS)
