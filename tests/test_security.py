"""The security of the tool itself: see docs/security.md for the threats. Read from the syntax trees and tried out."""

from __future__ import annotations

import ast
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from reptiops.config import load_environment, parse_environment
from reptiops.engine.backend import LocalBackend, StateError
from reptiops.errors import ConfigurationError
from reptiops.playbook import load_playbook
from reptiops.pricing import PriceFileError, load_prices

ROOT = Path(__file__).parent.parent
MODULES = sorted(p for p in (ROOT / "reptiops").rglob("*.py") if "_shipped" not in p.parts)
FORBIDDEN_CALLS = {"eval", "exec", "compile", "input", "system", "popen", "mktemp"}
FORBIDDEN_IMPORTS = {"pickle", "marshal", "shelve", "commands", "telnetlib", "ftplib", "xmlrpc"}


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the last part of what is called."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            called = node.func
            name = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            yield name, node


def dotted(node: ast.expr) -> str:
    return ast.unparse(node)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_shell_no_evaluation_no_unpickling(path: Path) -> None:
    for name, call in calls(path):
        where = f"{path.name}:{call.lineno}"
        full = dotted(call.func)
        assert not (name in FORBIDDEN_CALLS and full != "re.compile"), f"{where} calls {full}"
        keywords = {k.arg: k.value for k in call.keywords}
        assert "shell" not in keywords, f"{where} may use a shell"
        if full.startswith("subprocess."):
            assert isinstance(call.args[0], ast.List), f"{where}: the program and its arguments are a list"
        if full in ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"):
            raise AssertionError(f"{where}: only safe_load and our own reader")
        verify = keywords.get("verify")
        assert not (isinstance(verify, ast.Constant) and verify.value is False), f"{where} trusts any certificate"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {a.name for a in node.names} | {getattr(node, "module", None) or ""}
            assert not {n.split(".")[0] for n in names} & FORBIDDEN_IMPORTS
            assert "random" not in names or "secretsmanager" not in path.name, "secrets come from the secrets module"


@pytest.mark.parametrize("name", ["../dev", "/etc/passwd", "dev/../../x", "a b", ".hidden", "dev\x00", "~root", ""])
def test_names_cannot_leave_their_directory(name: str, tmp_path: Path) -> None:
    (tmp_path.parent / "dev.yaml").write_text("name: dev\n")
    with pytest.raises(ConfigurationError):
        load_environment(name, tmp_path)
    with pytest.raises(ConfigurationError):
        load_playbook(name, tmp_path)


@pytest.mark.parametrize(
    "backend", ["s3://bucket/../other", "s3://bucket/a/../../b", "../state", "/etc", "s3:///x", "file:///etc"]
)
def test_the_place_of_the_state_cannot_leave_its_prefix(backend: str) -> None:
    text = (ROOT / "config" / "dev.yaml").read_text()
    changed = re.sub(r"backend: local ", f'backend: "{backend}" ', text)
    assert changed != text
    with pytest.raises(ConfigurationError, match=r"state\.backend"):
        parse_environment(changed, "dev")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(ord('a') + n)}: &{chr(ord('a') + n)} [{', '.join(['*' + chr(ord('a') + n - 1)] * 9)}]\n"
    for n in range(1, 12)
)


@pytest.mark.parametrize(
    "text",
    [
        "x: " + "y" * 1_000_001,
        BOMB,
        "x: " + "[" * 100 + "]" * 100,
        "!!python/object/apply:os.system ['true']",
        "x: !!python/name:os.system",
    ],
    ids=["large", "bomb", "deep", "object", "name"],
)
def test_yaml_makes_no_objects_and_has_limits(text: str, tmp_path: Path) -> None:
    for name in ("dev", "prices"):
        (tmp_path / f"{name}.yaml").write_text(text)
    with pytest.raises(ConfigurationError):
        load_environment("dev", tmp_path)
    with pytest.raises(PriceFileError):
        load_prices(tmp_path / "prices.yaml")


def test_a_state_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path)
    backend.prepare()
    backend.write("state.json", b"{}")
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600
    for mode, believed in ((0o600, True), (0o640, True), (0o660, False), (0o602, False)):
        (tmp_path / "state.json").chmod(mode)
        if believed:
            assert backend.read("state.json") is not None
        else:
            with pytest.raises(StateError, match="can be written by others"):
                backend.read("state.json")


def test_a_directory_in_which_everybody_may_replace_the_state_is_not_believed(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path)
    backend.prepare()
    backend.write("state.json", b"{}")
    for mode in (0o777, 0o1777, 0o703):
        tmp_path.chmod(mode)
        for act in (backend.prepare, lambda: backend.read("state.json")):
            with pytest.raises(StateError, match=f"chmod 700 {tmp_path}$"):
                act()
    tmp_path.chmod(0o770)
    assert backend.read("state.json") is not None


def test_a_directory_in_place_of_the_state_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    with pytest.raises(StateError, match=r"Is a directory\. Look at it, move .*state\.json away"):
        LocalBackend(tmp_path).read("state.json")


def test_dependencies_have_a_lower_bound_and_the_lock_has_hashes_and_no_place() -> None:
    import configparser

    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    wanted = [line for line in setup["options"]["install_requires"].split("\n") if line]
    wanted += [line for line in setup["options.extras_require"]["dev"].split("\n") if line]
    lock = (ROOT / "requirements-dev.lock").read_text()
    locked = {
        m[1].lower().replace("_", "-")
        for m in re.finditer(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==\S+ \\$", lock, re.MULTILINE)
    }
    for line in wanted:
        name = re.split(r"[\[<>=~!]", line)[0].strip().lower().replace("_", "-")
        assert re.search(r"[<>=~]=", line) or name in ("tzdata", "types-pyyaml"), f"{line} has no range"
        assert name in locked, f"{name} is not locked: run `make lock`"
    assert lock.count("--hash=sha256:") >= len(locked)
    assert "://" not in lock, "where packages come from is for each machine to say"
