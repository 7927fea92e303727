"""The versions that the tests passed with are written down, and are those that are asked for."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


def locked() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    # Names and versions alone: no index, no address, no path.
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    pins = [line.split("==") for line in lines]
    return {canonicalize_name(name): version for name, version in pins}


def test_every_dependency_is_locked_at_a_version_that_is_allowed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    asked = [Requirement(r) for some in (project["dependencies"], *extras) for r in some]
    versions = locked()
    wrong = {
        str(requirement): versions.get(canonicalize_name(requirement.name))
        for requirement in asked
        if requirement.name != project["name"]
        and not requirement.specifier.contains(
            versions.get(canonicalize_name(requirement.name), "0"), prereleases=True
        )
    }
    assert wrong == {}, "run 'make lock'"
    assert len(versions) > len(asked)
