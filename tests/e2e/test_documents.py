"""Every command and example of the documents, run as it stands there, with the answer that stands there."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pytest

from api.settings import Settings, variable_of
from tests.e2e.conftest import ROOT, Server, clean_env

DOCUMENTS = ("README.md", "docs/api.md", "docs/cookbook.md", "docs/operations.md")
ADDRESS = "http://127.0.0.1:8000"
# These two run the tests themselves, or until they are stopped: test_make.py is about them.
ELSEWHERE = ("make run", "make test")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    command: str
    expected: str
    as_json: bool = False


def iter_blocks(name: str) -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in _BLOCK.finditer((ROOT / name).read_text())]


def find_commands(name: str) -> list[Example]:
    """``$ command`` and the lines below it; or the JSON block that follows a command without any."""
    examples: list[Example] = []
    for language, text in iter_blocks(name):
        if language == "console":
            for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
                command, _, expected = part.partition("\n")
                examples.append(Example(command, expected.strip("\n")))
        elif language == "json" and examples:
            examples[-1].expected, examples[-1].as_json = text, True
    return [example for example in examples if example.command not in ELSEWHERE]


def find_programs(name: str, wanted: str) -> list[tuple[str, str | None]]:
    """Blocks in a language, each with the block of text that follows it, if one does."""
    blocks = [*iter_blocks(name), ("", "")]
    return [
        (text, after if kind == "text" else None)
        for (language, text), (kind, after) in pairwise(blocks)
        if language == wanted
    ]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "sample", tmp_path / "sample")
    return tmp_path


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_command_of_a_document_answers_what_stands_there(
    name: str, directory: Path, sample_server: Server
) -> None:
    examples = find_commands(name)
    assert examples
    for example in examples:
        command = example.command.replace(ADDRESS, sample_server.url)
        ran = subprocess.run(command, shell=True, cwd=directory, env=clean_env(), capture_output=True, text=True)
        told = ran.stdout + ran.stderr
        if example.as_json:
            assert_like(json.loads(ran.stdout), json.loads(example.expected), example.command)
        elif example.expected:
            assert_printed(told, example.expected, example.command)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_python_example_of_a_document_runs_and_prints_what_stands_there(name: str, sample_server: Server) -> None:
    for text, expected in find_programs(name, "python"):
        with redirect_stdout(StringIO()) as told:
            exec(compile(text.replace(ADDRESS, sample_server.url), name, "exec"), {})
        assert_printed(told.getvalue(), expected, text)
    assert any(language in ("python", "console") for language, _ in iter_blocks(name))


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js")
def test_every_javascript_example_runs_and_prints_what_stands_there(sample_server: Server) -> None:
    programs = [program for name in DOCUMENTS for program in find_programs(name, "js")]
    assert programs
    for text, expected in programs:
        code = text.replace(ADDRESS, sample_server.url)
        ran = subprocess.run(["node", "--input-type=module"], input=code, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        assert expected is not None, text
        assert_printed(ran.stdout, expected, text)


def test_the_cookbook_has_twelve_tasks_each_of_which_is_run() -> None:
    tasks = re.split(r"^## ", (ROOT / "docs/cookbook.md").read_text(), flags=re.MULTILINE)[1:]
    assert [task.partition(".")[0] for task in tasks] == [str(n) for n in range(1, 13)]
    assert all(re.search(r"^```(js|python|console)$", task, re.MULTILINE) for task in tasks)


def test_every_setting_stands_in_the_operations_manual_with_its_default_and_meaning() -> None:
    manual = (ROOT / "docs/operations.md").read_text()
    for name, field in Settings.__dataclass_fields__.items():
        default = f"`{field.default}`" if str(field.default) else "none"
        assert f"| `{variable_of(name)}` | {default} | {field.metadata['help']} |" in manual


def test_links_between_the_documents_lead_somewhere() -> None:
    for name in (*DOCUMENTS, "CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/GLOSSARY.md"):
        text = (ROOT / name).read_text()
        for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text):
            if not target.startswith("http"):
                file = (ROOT / name).parent / target if target else ROOT / name
                assert file.is_file(), f"{name}: {target}"
                headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE) if anchor else []
                assert not anchor or anchor in {heading.lower().replace(" ", "-") for heading in headings}


def assert_printed(told: str, expected: str | None, what: str) -> None:
    """The lines that stand there, in which "…" stands for anything."""
    if expected is not None:
        pattern = re.escape(expected.strip("\n")).replace("…", ".*")
        assert re.fullmatch(pattern, told.strip("\n"), re.DOTALL), f"{what}\n{told}"


def assert_like(actual: object, expected: object, where: str) -> None:
    """Equal, but that "…" stands for anything."""
    if expected == "…" or (isinstance(expected, list) and expected == ["…"] and isinstance(actual, list)):
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        assert actual.keys() == expected.keys(), where
        for key, value in expected.items():
            assert_like(actual[key], value, f"{where} {key}")
    elif isinstance(expected, list) and isinstance(actual, list):
        assert len(actual) == len(expected), where
        for number, value in enumerate(expected):
            assert_like(actual[number], value, f"{where} {number}")
    else:
        assert actual == expected, where
