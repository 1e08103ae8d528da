"""Audit logs that a person names: read line by line, never whole."""

from __future__ import annotations

from pathlib import Path

from k8srun.authorization.usage import AuditLog, read_audit
from k8srun.errors import InputError


def read_audit_file(path: str) -> AuditLog:
    """The requests of an audit log in JSON lines.

    Raises:
        InputError: it cannot be read, or holds no line that is an audit event.
    """
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as lines:
            log = read_audit(lines)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=path) from None
    if not log.seen:
        raise InputError(
            "holds no audit event",
            where=path,
            do="Give the log as the API server writes it: JSON lines (--audit-log-path).",
        )
    return log
