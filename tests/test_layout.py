"""Imports point one way: expectations, transforms, pipelines."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "expectations": {"expectations"},
    "transforms": {"expectations", "transforms"},
    "pipelines": {"expectations", "transforms", "pipelines"},
}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports__point_one_way(package: str) -> None:
    ours = {*MAY_IMPORT, "benchmarks", "tests"}
    wrong = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / package).rglob("*.py")
        for name in _imported(path)
        if name in ours - MAY_IMPORT[package]
    }
    assert wrong == set()


def _imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    modules += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return {module.split(".")[0] for module in modules}
