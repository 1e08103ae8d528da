"""The x509 runbook in JupyterLab, as a person runs it: opened, run from top to bottom, read."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOKEN = "for-this-test-only"


@pytest.fixture
def jupyterlab(tmp_path):
    """The address of a JupyterLab over a copy of the runbooks (it writes outputs into what it opens)."""
    shutil.copytree(ROOT / "runbooks", tmp_path / "runbooks")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
        f"--notebook-dir={tmp_path / 'runbooks'}", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]  # fmt: skip
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "rt"),
    }  # fmt: skip
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        _wait_for(f"http://127.0.0.1:{port}/api/status?token={TOKEN}", server, tmp_path / "log")
        yield f"http://127.0.0.1:{port}", tmp_path / "runbooks"
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


def _wait_for(url, server, log):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


@pytest.mark.browser
def test_the_x509_runbook_runs_from_top_to_bottom_on_the_lab(jupyterlab, visit):
    address, folder = jupyterlab
    page = visit.page
    page.set_default_timeout(120_000)
    page.goto(f"{address}/lab/tree/investigate/x509-error.ipynb?token={TOKEN}")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # until then the menu is greyed out
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All( Cells)?$")).click()
    cells = _saved(page, folder / "investigate" / "x509-error.ipynb")
    errors = [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
    assert errors == []
    _scroll_to(page, "LAB — this is the embedded practice cluster")
    _scroll_to(page, "Cause found")
    assert "The server's certificate has expired" in page.locator(".k8s-card").first.inner_text()
    _scroll_to(page, "Everything that was looked for could be read.")
    assert all(request.startswith((address, address.replace("http", "ws"), "data:", "blob:"))
               for request in visit.requests), "JupyterLab asked nobody else"  # fmt: skip


def _saved(page, path):
    """The code cells of the notebook once every one of them has run."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1000)
        text = path.read_text()
        if not text.endswith("}\n") and not text.endswith("}"):
            continue  # it is being written
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
        if all(cell["execution_count"] for cell in cells):
            return cells
    raise AssertionError("the notebook was not saved with all of its cells run")


def _scroll_to(page, text):
    """Scroll down until the text is seen: what is out of sight JupyterLab does not draw."""
    panel = page.locator(".jp-WindowedPanel-outer").first
    panel.evaluate("panel => { panel.scrollTop = 0 }")
    for _ in range(60):
        if page.get_by_text(text).first.is_visible():
            return
        panel.evaluate("panel => { panel.scrollTop += 300 }")
        page.wait_for_timeout(150)
    raise AssertionError(f"{text!r} is nowhere in the notebook")
