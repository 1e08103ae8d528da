"""Runs of real notebooks: whatever happens to one, its record tells the truth."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import pytest

from k8srun.errors import ExitCode
from k8srun.record import RECORD_SCHEMA, RunStatus
from k8srun.runner.batch import execute_all
from k8srun.runner.execute import Limits, Request, execute
from k8srun.runner.folder import read_record, settle
from tests.runner.notebooks import FINISH, write_runbook

CANARY = "canary0123456789canary0123456789"
VALUES = {
    "text": 'a "quoted"\nline\\n with \u202e and é {braces} %s',
    "count": -3,
    "part": 0.1,
    "flag": True,
    "names": ["a", 'b"; import os #'],
    "ports": [1, 2],
    "nothing": None,
}
PARAMETERS = """\
text: str = ""  # any
count: int = 0  # any
part: float = 0.0  # any
flag: bool = False  # any
names: list[str] = []  # any
ports: list[int] = []  # any
nothing: str | None = "x"  # any
left: int = 7  # left alone
"""
# Each leaves its process numbers behind, so that a test can see whether they are gone.
HANG = """\
import os, subprocess, time
child = subprocess.Popen(["sleep", "600"])
with open("pids.tmp", "w") as file:
    print(os.getpid(), child.pid, os.getppid(), os.environ["K8SRUN_RESULT"], file=file)
os.rename("pids.tmp", "pids")
time.sleep(600)
"""


def gone(pid):
    """Whether a process has ended; one that nobody has asked for its exit code counts."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def within(seconds, condition):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def run(runbook, out, *, timeout=120.0, stop=None, **parameters):
    return execute(Request(runbook, parameters), out, Limits(timeout=timeout), stop or threading.Event())


def notebook_of(folder):
    return nbformat.read(folder / "notebook.ipynb", as_version=4)


ENDINGS = {
    "raises": [f"value = 1\nraise ValueError('Authorization: Bearer ' + '{CANARY[:16]}' * 2)", FINISH],
    "exits": [FINISH, "import sys\nsys.exit()"],
    "leaves": ["import os\nos._exit(0)", FINISH],
    "dies": [FINISH, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"],
    "kills-worker": [
        FINISH + "print('done before')",
        "import os, signal, time\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)",
    ],
    "forgets-to-finish": ["1 + 1"],
    "half-result": ["import os\nopen(os.environ['K8SRUN_RESULT'], 'w').write('{\"cluster\": ')"],
    "bad-input": ["from k8srun.errors import InputError\nraise InputError('cannot be read', where='x.k8srun')"],
    "asks": ["input('password: ')", FINISH],
}


@pytest.fixture(scope="module")
def endings(tmp_path_factory):
    """One run of each of `ENDINGS`, two at a time, by name."""
    folder = tmp_path_factory.mktemp("endings")
    requests = [Request(write_runbook(folder, name, *cells)) for name, cells in ENDINGS.items()]
    runs = execute_all(
        requests, folder / "out", Limits(timeout=120), threading.Event(), jobs=2, on_start=lambda request: None
    )
    return {ended.record.runbook: ended for ended in runs}


@pytest.mark.parametrize(
    ("name", "status", "error", "cell"),
    [
        ("raises", RunStatus.FAILED, "ValueError: Authorization: ", 3),
        ("exits", RunStatus.FAILED, "SystemExit: the notebook ended itself with sys.exit()", 4),
        ("leaves", RunStatus.KILLED, "the kernel ended itself with exit code 0 in cell 3", 3),
        ("dies", RunStatus.KILLED, "the kernel was ended by SIGKILL (out of memory?) in cell 4", 4),
        ("kills-worker", RunStatus.KILLED, "the worker was ended by SIGKILL (out of memory?) in cell 4", 4),
        ("forgets-to-finish", RunStatus.UNFINISHED, "the notebook ended without run.finish()", None),
        ("half-result", RunStatus.UNFINISHED, "result.json: cannot be read as RunResult", None),
        ("bad-input", RunStatus.FAILED, "InputError: x.k8srun: cannot be read", 3),
        ("asks", RunStatus.FAILED, "StdinNotImplementedError: ", 3),
    ],
)
def test_a_notebook_that_does_not_end_well_is_recorded_as_it_was(endings, name, status, error, cell):
    record = endings[name].record
    assert (record.status, record.failed_cell) == (status, cell), record.error
    assert record.error.startswith(error)


@pytest.mark.parametrize("name", ENDINGS)
def test_the_record_on_disk_is_the_one_that_was_returned_and_is_not_running(endings, name):
    ended = endings[name]
    assert read_record(ended.folder) == ended.record
    assert ended.record.finished >= ended.record.started
    assert sorted(path.name for path in ended.folder.iterdir()) == ["notebook.ipynb", "run.json"]


def test_what_was_done_before_a_run_was_ended_by_force_is_in_its_notebook(endings):
    cells = notebook_of(endings["kills-worker"].folder).cells
    assert [output.text for cell in cells for output in cell.get("outputs", ())] == ["done before\n"]
    assert cells[-1].metadata.papermill.status == "running"


@pytest.mark.parametrize("name", ENDINGS)
def test_no_such_run_exits_with_zero(endings, name):
    expected = ExitCode.BAD_INPUT if name == "bad-input" else ExitCode.INCOMPLETE
    assert endings[name].record.exit_code == expected


def test_a_secret_in_an_exception_reaches_neither_the_record_nor_the_traceback(endings):
    folder = endings["raises"].folder
    secret = CANARY[:16] * 2
    assert secret not in (folder / "run.json").read_text()
    [error] = [output for cell in notebook_of(folder).cells for output in cell.get("outputs", ())]
    assert error.ename == "ValueError"
    assert secret not in json.dumps(error)


def test_a_kernel_that_does_not_come_up_ends_the_run_and_its_last_words_are_told(tmp_path, monkeypatch):
    broken = tmp_path / "broken" / "ipykernel"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise SystemExit('no kernel today')")
    monkeypatch.setenv("PYTHONPATH", str(broken.parent))
    record = run(write_runbook(tmp_path, "x", FINISH), tmp_path / "out").record
    assert record.status in {RunStatus.FAILED, RunStatus.KILLED}
    assert record.failed_cell is None
    assert "no kernel today" in record.error


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A run that succeeds, from a folder that holds traps for imports."""
    folder = tmp_path_factory.mktemp("good")
    (folder / "here").mkdir()
    # One that the standard library has, and one of a package: they are looked for in different places.
    for module in ("colorsys", "yaml"):
        (folder / "here" / f"{module}.py").write_text("raise SystemExit('imported from the working folder')")
    cells = [
        "import colorsys, os, sys, tempfile, yaml",
        f"print('password=' + '{CANARY}'[:20])",
        "values = repr([text, count, part, flag, names, ports, nothing, left])",
        "places = [os.getcwd(), sys.executable, tempfile.gettempdir(), os.environ['IPYTHONDIR']]",
        "extra = {'cluster': values, 'origin': places}",
        FINISH,
    ]
    runbook = write_runbook(folder, "good", *cells, parameters=PARAMETERS)
    before = Path.cwd()
    os.chdir(folder / "here")
    try:
        return run(runbook, folder / "out", **VALUES)
    finally:
        os.chdir(before)


def test_a_notebook_that_finishes_succeeds(good):
    record = good.record
    assert (record.status, record.error, record.failed_cell) == (RunStatus.SUCCEEDED, "", None)
    assert (record.schema, record.exit_code, record.tool) == (RECORD_SCHEMA, ExitCode.CLEAN, "0.1.0")
    assert (record.runbook, record.title, record.kind) == ("good", "The runbook good", "investigate")
    assert read_record(good.folder) == record


def test_every_value_arrives_as_it_was_given_and_the_rest_keeps_its_default(good):
    assert good.record.result.cluster == repr([*VALUES.values(), 7])
    assert good.record.parameters == {**VALUES, "left": 7}


def test_the_kernel_is_this_interpreter_in_the_folder_of_the_caller(good):
    cwd, interpreter, *_ = good.record.result.origin
    assert Path(cwd).name == "here"
    assert os.path.realpath(interpreter) == os.path.realpath(os.sys.executable)


def test_what_the_notebook_leaves_in_temporary_folders_is_gone(good):
    _, _, temporary, ipython = good.record.result.origin
    assert temporary != tempfile.gettempdir()
    assert not Path(temporary).parent.exists()
    assert not Path(ipython).exists()


def test_the_executed_notebook_names_no_path_of_the_machine(good):
    assert tempfile.gettempdir() not in json.dumps(notebook_of(good.folder).metadata)


def test_a_secret_that_was_printed_does_not_reach_the_executed_notebook(good):
    printed = notebook_of(good.folder).cells[4].outputs[0]
    assert printed.text.startswith("password=")
    assert CANARY[:20] not in json.dumps(printed)


def test_a_secret_in_a_pasted_text_reaches_neither_record_nor_executed_notebook(tmp_path):
    runbook = write_runbook(tmp_path, "paste", FINISH, parameters='error: str = ""  # the text')
    ended = run(runbook, tmp_path / "out", error=f"401 for Authorization: Bearer {CANARY}")
    assert ended.record.status is RunStatus.SUCCEEDED
    assert ended.record.parameters["error"].startswith("401 for ")
    for path in ended.folder.iterdir():
        assert CANARY not in path.read_text(), path.name


def test_a_cell_that_hangs_is_ended_at_the_deadline(tmp_path):
    runbook = write_runbook(tmp_path, "hangs", "import time\ntime.sleep(600)")
    record = run(runbook, tmp_path / "out", timeout=5.0).record
    assert record.status is RunStatus.TIMED_OUT
    assert record.error.startswith("still running ")
    assert record.error.endswith(" after 5 s")
    assert record.exit_code == ExitCode.INCOMPLETE


def test_a_run_that_is_ended_before_it_began_leaves_a_record_and_no_notebook(tmp_path):
    ended = run(write_runbook(tmp_path, "late", FINISH), tmp_path / "out", timeout=0.001)
    assert (ended.record.status, ended.record.failed_cell) == (RunStatus.TIMED_OUT, None)
    assert ended.record.error == "still running before the first cell after 0.001 s"
    assert [path.name for path in ended.folder.iterdir()] == ["run.json"]


def test_an_interrupted_run_leaves_no_process_and_the_outputs_so_far(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runbook = write_runbook(tmp_path, "waits", "print('so far')", HANG, parameters='word: str = ""  # any')
    stop = threading.Event()
    threading.Thread(target=lambda: within(60, Path("pids").exists) and stop.set()).start()
    ended = run(runbook, tmp_path / "out", stop=stop, word="x")
    # Cell 4 of the runbook; papermill's cell with the values makes it the fifth of the executed notebook.
    assert (ended.record.status, ended.record.failed_cell) == (RunStatus.INTERRUPTED, 4)
    *pids, result = Path("pids").read_text().split()
    assert within(5, lambda: all(map(gone, pids)))
    assert not Path(result).parent.exists()
    assert notebook_of(ended.folder).cells[3].outputs[0].text == "so far\n"


def test_a_run_whose_runner_is_killed_is_settled_as_killed_and_leaves_no_process(tmp_path):
    runbook = write_runbook(tmp_path, "orphan", HANG)
    script = f"""
import threading
from pathlib import Path
from k8srun.runner.execute import Limits, Request, execute
from k8srun.sources.library import find_runbook
execute(Request(find_runbook({runbook.path!r})), Path("out"), Limits(), threading.Event())
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    runner = subprocess.Popen([os.sys.executable, "-c", script], cwd=tmp_path, env=environment)
    try:
        assert within(60, (tmp_path / "pids").exists)
        [folder] = (tmp_path / "out").iterdir()
        settle(tmp_path / "out")
        assert read_record(folder).status is RunStatus.RUNNING
    finally:
        runner.kill()
        runner.wait()
    *pids, result = (tmp_path / "pids").read_text().split()
    assert within(5, lambda: all(map(gone, pids)))
    assert within(5, lambda: not Path(result).parent.exists())
    assert read_record(folder).status is RunStatus.RUNNING
    settle(tmp_path / "out")
    record = read_record(folder)
    assert (record.status, record.exit_code) == (RunStatus.KILLED, ExitCode.INCOMPLETE)
    assert [path.name for path in folder.iterdir()] == ["run.json"]


def test_standard_input_reaches_a_notebook_that_reads_manifests_from_it(tmp_path):
    cells = ["import sys\nextra = {'cluster': sys.stdin.read()}", FINISH]
    runbook = write_runbook(tmp_path, "reads", *cells, parameters="from_paths: list[str] = []  # paths")
    script = f"""
import threading
from pathlib import Path
from k8srun.runner.execute import Limits, Request, execute
from k8srun.sources.library import find_runbook
runbook = find_runbook({runbook.path!r})
ended = execute(Request(runbook, {{"from_paths": ["-"]}}), Path("out"), Limits(), threading.Event())
print(ended.record.result.cluster)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [os.sys.executable, "-c", script], cwd=tmp_path, env=environment,
        input="kind: Pod", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "kind: Pod\n"
