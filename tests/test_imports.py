"""What importing nascurve costs, and that the folders are imported under one name only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nascurve

ROOT = Path(nascurve.__file__).parent.parent
FOLDERS = ("simulator", "optimizers", "lce", "benchmarks", "experiments")
HEAVY = ("torch", "pymc", "lightgbm", "matplotlib", "pandas", "pyarrow", "hydra", "scipy", "sklearn", "numba")


@pytest.mark.parametrize(
    "statement",
    [
        "import nascurve",
        "import nascurve.registry; nascurve.registry.ids('optimizers')",
        "import nascurve.experiments.cli as cli; cli.main(['--help'])",
        "from nascurve.experiments import cli; [cli.main([n, '--help']) for n in ('run', 'compare', 'plot')]",
    ],
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    code = f"import sys\n{statement}\nsys.exit(','.join(sorted(set({HEAVY!r}) & set(sys.modules))) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert done.returncode == 0


def _sources() -> list[Path]:
    return [path for folder in (*FOLDERS, "nascurve") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_module_imports_a_folder_by_its_bare_name() -> None:
    found = []
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            found += [f"{path}: {name}" for name in names if name.split(".")[0] in FOLDERS]
    assert len(_sources()) > 20
    assert found == []
