"""Run the credential plugin of a kubeconfig, as kubectl does, and take the credentials that it prints.

Source: Kubernetes' "client-go credential plugins", client.authentication.k8s.io/v1 and v1beta1. What the plugin prints
is a secret: it is parsed and never shown, and of its messages only the scrubbed end is.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

import msgspec

from k8srun.errors import InputError
from k8srun.scrub import scrub
from k8srun.snapshot import GapReason
from k8srun.sources.failure import ReadError
from k8srun.sources.kubeconfig import text_of
from k8srun.text import visible

_VERSIONS = frozenset({"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"})


def run_plugin(plugin: Mapping[str, Any], cluster: Mapping[str, Any], *, timeout: float) -> Mapping[str, Any]:
    """The `status` of the ExecCredential that the plugin prints: `token`, or `clientCertificateData` and its key.

    Args:
        plugin: the `exec` entry of the user.
        cluster: what the plugin may be told of the cluster (`spec.cluster` of an ExecCredential).
        timeout: seconds until it is ended, with every process that it started.

    Raises:
        InputError: the entry is malformed.
        ReadError: it is missing, fails, hangs, wants a terminal, or prints something else.
    """
    command, version = text_of(plugin, "command"), text_of(plugin, "apiVersion")
    if not command or version not in _VERSIONS:
        raise InputError(
            "kubeconfig: exec must have a command and an apiVersion that is still served",
            do=f"Use one of {', '.join(sorted(_VERSIONS))}.",
        )
    if text_of(plugin, "interactiveMode") == "Always":
        raise _failure(command, "it wants a terminal to ask on, and none is given to it")
    found = shutil.which(command)
    if found is None:
        hint = visible(scrub(text_of(plugin, "installHint")), limit=500)
        raise _failure(command, f"it is not installed{f': {hint}' if hint else ''}")
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo") is True:
        spec["cluster"] = cluster
    information = {"apiVersion": version, "kind": "ExecCredential", "spec": spec}
    environment = os.environ | _environment(plugin) | {"KUBERNETES_EXEC_INFO": json.dumps(information)}
    output = _run(command, [found, *_arguments(plugin)], environment, timeout)
    return _status(command, version, output)


def command_line(plugin: Mapping[str, Any]) -> str:
    """What would be run, for a person to judge; arguments that look secret are reduced.

    Raises:
        InputError: the entry is malformed.
    """
    return visible(scrub(" ".join([text_of(plugin, "command"), *_arguments(plugin)])), limit=500)


def _arguments(plugin: Mapping[str, Any]) -> list[str]:
    arguments = plugin.get("args") or []
    if not isinstance(arguments, list) or not all(isinstance(argument, str) for argument in arguments):
        raise InputError("kubeconfig: exec.args must be a list of texts", do="Put numbers in quotes.")
    return arguments


def _environment(plugin: Mapping[str, Any]) -> dict[str, str]:
    variables = plugin.get("env") or []
    if not isinstance(variables, list) or not all(isinstance(variable, Mapping) for variable in variables):
        raise InputError("kubeconfig: exec.env must be a list of names and values")
    return {text_of(variable, "name"): text_of(variable, "value") for variable in variables}


def _run(command: str, arguments: list[str], environment: dict[str, str], timeout: float) -> bytes:
    try:
        process = subprocess.Popen(
            arguments,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that whatever it starts can be ended with it
        )
    except (OSError, ValueError) as error:
        raise _failure(command, f"it cannot be started: {getattr(error, 'strerror', None) or 'bad argument'}") from None
    try:
        output, messages = process.communicate(timeout=timeout)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            raise _failure(command, f"no credentials after {timeout:g} s; it was ended", GapReason.TIMEOUT) from None
        raise
    if process.returncode:
        words = scrub(messages[-2000:].decode(errors="replace").strip())
        raise _failure(command, f"it ended with status {process.returncode}: {visible(words[-500:])}")
    return output


def _status(command: str, version: str, output: bytes) -> Mapping[str, Any]:
    """Of the parser's messages none is shown: they may quote the output."""
    try:
        credential = msgspec.json.decode(output)
    except (msgspec.DecodeError, RecursionError):
        raise _failure(command, "what it printed is not JSON") from None
    if not isinstance(credential, dict) or credential.get("kind") != "ExecCredential":
        raise _failure(command, "what it printed is no ExecCredential")
    if credential.get("apiVersion") != version:
        raise _failure(command, f"it printed an ExecCredential of another version than {version}")
    status = credential.get("status")
    names = ("token", "clientCertificateData", "clientKeyData")
    if not isinstance(status, dict) or not all(isinstance(status.get(name, ""), str) for name in names):
        raise _failure(command, "the ExecCredential that it printed has no usable status")
    if not status.get("token") and not (status.get("clientCertificateData") and status.get("clientKeyData")):
        raise _failure(command, "the ExecCredential that it printed holds no credentials")
    return status


def _failure(command: str, what: str, reason: GapReason = GapReason.UNAUTHORIZED) -> ReadError:
    name = visible(command, limit=200)
    return ReadError(reason, f"exec plugin {name}: {what}", do="See whether `kubectl get --raw /version` works.")
