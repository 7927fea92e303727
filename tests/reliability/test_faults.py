"""Whatever operation on a file fails, the old or the new state is there, never a mix."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from storage_children import FULL

HERE = Path(__file__).parent
TRIES = 300 if FULL else 12


@pytest.mark.skipif(sys.platform != "linux", reason="the library finds paths in /proc")
def test_an_operation_that_fails_leaves_no_mix(tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    library = tmp_path / "faults.so"
    options = ["-shared", "-fPIC", "-O1", "-o", str(library), str(HERE / "faults.c"), "-ldl"]
    subprocess.run([compiler, *options], check=True)
    done = subprocess.run(
        [sys.executable, str(HERE / "storage_faults.py"), library, tmp_path / "data", str(TRIES)],
        env={"PYTHONPATH": ":".join(sys.path), "PATH": "", "LD_PRELOAD": str(library)},
        capture_output=True,
        text=True,
        timeout=3000,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["operations"] > 50
    assert told["refused"] > 0
    assert told["acknowledged"] > 0
    print(
        f"row 4: {2 * TRIES} faults in {told['operations']} operations, each once and from then "
        f"on: {told['refused']} refused, {told['acknowledged']} acknowledged, 0 mixed"
    )
