"""
An extension that is older than its sources refuses to start; an installed one asks for no sources.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from crossfade import BUILD, _build, _control_digest
from crossfade._core import NativeSeam

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path):
    """A copy of the package and of its sources, as an editable install has them."""
    for folder in _build._FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(_build.__file__).parent, tmp_path / "python" / "crossfade", ignore=ignored)
    return tmp_path


def imported(folder: Path) -> tuple[int, str]:
    """What happens when a process imports crossfade from `folder`: exit code, and what it says."""
    script = (
        f"import sys; sys.path.insert(0, {str(folder)!r}); import crossfade; print(crossfade.BUILD, crossfade.__file__)"
    )
    done = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=False, cwd="/")
    return done.returncode, done.stdout + done.stderr


def test_the_extension_is_built_from_these_sources():
    """
    Python and the build agree on the digest of the sources.
    """
    assert _build.source_digest(ROOT) == BUILD
    assert len(BUILD) == 16


def test_unchanged_sources_import(tree):
    """
    A copy of the tree is as good as the tree.
    """
    code, said = imported(tree / "python")

    assert code == 0
    assert said.split() == [BUILD, str(tree / "python" / "crossfade" / "__init__.py")]


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "rust/core/src/admit.rs").open("a").write("\n"),
        lambda tree: (tree / "rust/seam/src/switch.rs").unlink(),
        lambda tree: (tree / "rust/store/src/more.rs").write_text(""),
        lambda tree: (tree / "rust/py/src/guard.rs").rename(tree / "rust/py/src/guards.rs"),
    ],
    ids=["changed", "removed", "added", "renamed"],
)
def test_other_sources_refuse(tree, change):
    """
    Whatever changed in the Rust sources, the import refuses and says how to rebuild.
    """
    change(tree)
    code, said = imported(tree / "python")

    assert code == 1
    assert f"ImportError: crossfade: the extension was built from other Rust sources ({BUILD})" in said
    assert said.strip().endswith(f"Build it in {tree}: make build")


def test_a_missing_extension_says_how_to_build(tree):
    """
    A checkout that was never built says so, too.
    """
    for extension in (tree / "python" / "crossfade").glob("_core*.so"):
        extension.unlink()
    code, said = imported(tree / "python")

    assert code == 1
    assert said.strip().endswith(f"the extension is missing. Build it in {tree}: make build")


def test_an_installed_package_needs_no_sources(tree):
    """
    Where no Rust sources lie beside the package, as after an install, it imports.
    """
    site = tree / "lib" / "python3" / "site-packages"
    shutil.copytree(tree / "python" / "crossfade", site / "crossfade")
    code, said = imported(site)

    assert (code, said.split()[0]) == (0, BUILD)


def test_a_controls_digest_is_its_packages(tmp_path, monkeypatch):
    """
    A control's digest changes with any source of its package, and with nothing else; a module in no package counts
    alone.
    """
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "path.py").write_text("def control(request): ...\n")
    (tmp_path / "shop" / "rules.py").write_text("RULES = 1\n")
    (tmp_path / "single.py").write_text("def control(request): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import shop.path
    import single

    package, alone = _control_digest.of([shop.path.control]), _control_digest.of([single.control])
    (tmp_path / "unrelated.py").write_text("A = 1\n")
    assert (_control_digest.of([shop.path.control]), _control_digest.of([single.control])) == (package, alone)
    (tmp_path / "shop" / "rules.py").write_text("RULES = 2\n")
    assert _control_digest.of([shop.path.control]) != package
    assert _control_digest.of([single.control]) == alone
    assert _control_digest.of([shop.path.control, single.control]) not in {package, alone}


def test_the_native_seam_names_its_module():
    """
    Classes say where they are found.
    """
    assert f"{NativeSeam.__module__}.{NativeSeam.__qualname__}" == "crossfade._core.NativeSeam"
