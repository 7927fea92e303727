"""`import rag`: what it offers, what it leaves unloaded, and the README's lines."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import rag

ROOT = Path(__file__).parent.parent
PAGES = [
    path
    for path in (ROOT / "README.md", ROOT / "docs" / "reference" / "python.md")
    if path.exists()
]
SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", rag.__all__)
def test_every_name_is_there_under_its_own(name: str) -> None:
    assert getattr(rag, name).__name__ == name


def test_a_name_that_is_not_offered_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'rag' has no attribute 'Datelime'"):
        rag.Datelime  # type: ignore[attr-defined]  # noqa: B018


def test_importing_it_loads_no_library() -> None:
    code = "import sys; before = set(sys.modules); import rag; print(set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    loaded = set(re.findall(r"'(\w+)", done.stdout))
    assert loaded - set(sys.stdlib_module_names) == {"rag"}


@pytest.mark.real
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_documented_lines_run(page: Path, tmp_path: Path) -> None:
    """In a folder with the sample's articles under the name that the lines give them."""
    (tmp_path / "my-articles").symlink_to(ROOT / "eval" / "sample" / "articles")
    for code in SNIPPET.findall(page.read_text(encoding="utf-8")):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert re.findall(r"^# (.*)$", code, re.MULTILINE) == done.stdout.splitlines()
