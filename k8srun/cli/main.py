"""`k8srun`, also `kubectl k8srun`: the group of commands, each imported only when it is called."""

from __future__ import annotations

import gc
import importlib
import sys
import traceback

import click

from k8srun import __version__
from k8srun.cli.streams import guard_streams
from k8srun.errors import ExitCode, K8srunError

# Name → module and attribute, in the order in which help lists them: what a person with an incident needs, first.
COMMANDS = {
    "diagnose": "k8srun.cli.diagnose:diagnose",
    "run": "k8srun.cli.run:run",
    "list": "k8srun.cli.run:list_runbooks",
    "show": "k8srun.cli.run:show",
    "batch": "k8srun.cli.run:batch",
    "snapshot": "k8srun.cli.snapshot:snapshot",
    "collect-script": "k8srun.cli.collect_script:collect_script",
    "permissions": "k8srun.cli.permissions:permissions",
    "certs": "k8srun.cli.certs:certs",
    "csr": "k8srun.cli.csr:csr",
    "pod-security": "k8srun.cli.pod_security:pod_security",
    "image": "k8srun.cli.image:image",
    "pki": "k8srun.cli.pki:pki",
    "can-i": "k8srun.cli.can_i:can_i",
    "who-can": "k8srun.cli.who_can:who_can_command",
    "permissions-of": "k8srun.cli.permissions_of:permissions_of_command",
    "access-matrix": "k8srun.cli.access_matrix:access_matrix_command",
    "review": "k8srun.cli.review:review",
    "reach": "k8srun.cli.reach:reach",
    "connectivity": "k8srun.cli.connectivity:connectivity",
    "plan": "k8srun.cli.plan:plan",
    "journal": "k8srun.cli.journal:journal",
    "lab": "k8srun.cli.lab:lab",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for, so that `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="k8srun %(version)s")
def cli() -> None:
    """Security runbooks for Kubernetes: from a symptom to its cause, with evidence.

    \b
    Try it on the embedded lab, without a cluster:
      k8srun run x509-error --lab
    """


def main() -> None:
    """Run the command line and turn every error into a message and an exit code."""
    guard_streams()
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()  # while an error can still be said
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(ExitCode.BAD_INPUT)
    except K8srunError as error:
        click.echo(f"k8srun: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # a full disk, say
        where = f"{error.filename}: " if error.filename else ""
        click.echo(f"k8srun: {where}{error.strerror or error}", err=True)
        sys.exit(ExitCode.INCOMPLETE)
    except Exception:  # noqa: BLE001 - Python's own exit code for it is 1, which here means findings
        traceback.print_exc()
        sys.exit(ExitCode.INCOMPLETE)
    # Python looks for garbage in all that was loaded once more at its end, which takes a tenth of a second.
    gc.freeze()
    sys.exit(code if isinstance(code, int) else ExitCode.CLEAN)


if __name__ == "__main__":
    main()
