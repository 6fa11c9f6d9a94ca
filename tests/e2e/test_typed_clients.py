"""Clients that others generate from the OpenAPI document, asking a real server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.test_contract import ANSWERED, OPERATIONS, OTHERS, POSTED
from tests.e2e.conftest import BIN, ROOT, Server, clean_env

EXAMPLE = ROOT / "examples" / "typescript"
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or not (EXAMPLE / "node_modules").is_dir(),
    reason="no Node.js, or `npm ci` has not run in examples/typescript",
)
_IDENTS = {
    "story_id": "31001", "source_id": "317c61531c4f5adc9ea4", "publisher_id": "harbor-ledger", "facet_name": "topic",
    "code": "gone", "index_name": "stories",
}  # fmt: skip


def ask(server: Server, path: str, body: object = None) -> requests.Response:
    url = server.url + path
    return requests.get(url, timeout=10) if body is None else requests.post(url, json=body, timeout=10)


def test_the_document_is_one_for_a_validator_of_the_standard(sample_server: Server) -> None:
    document = ask(sample_server, "/openapi.json").json()
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


@needs_node
def test_a_typescript_program_compiles_strictly_against_the_document_and_runs(
    sample_server: Server, tmp_path: Path
) -> None:
    for name in ("package.json", "tsconfig.json", "stories.ts"):
        shutil.copy(EXAMPLE / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(EXAMPLE / "node_modules")
    env = {**clean_env(), "OUTPOST": sample_server.url}

    def run(*command: str) -> str:
        ran = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    run("npm", "run", "--silent", "types")
    run("npm", "run", "--silent", "build")
    told = json.loads(run("node", "dist/stories.js", "ferry"))
    newest = ask(sample_server, "/v1/search?q=ferry&sort=newest&per_page=100").json()
    story = ask(sample_server, "/v1/stories/31001").json()
    assert told == {
        "titles": [hit["title"] for hit in newest["results"]],
        "title": story["title"],
        "publishers": [source["publisher"]["name"] for source in story["sources"]],
        "missing": None,
    }
    # What no type allows does not compile.
    program = tmp_path / "stories.ts"
    program.write_text(program.read_text().replace('sort: "newest"', 'sort: "latest"'))
    refused = subprocess.run(["npm", "run", "--silent", "check"], cwd=tmp_path, capture_output=True, text=True)
    assert '"latest"' in refused.stdout


@pytest.fixture(scope="module")
def models(sample_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Python module that is generated from the document."""
    directory = tmp_path_factory.mktemp("generated")
    document = directory / "openapi.json"
    document.write_bytes(ask(sample_server, "/openapi.json").content)
    command = [
        BIN / "datamodel-codegen", "--input", document, "--input-file-type", "openapi",
        "--output", directory / "outpost_models.py", "--output-model-type", "msgspec.Struct",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(directory))
        import outpost_models  # type: ignore[import-not-found]

        yield outpost_models
    del sys.modules["outpost_models"]


@pytest.mark.parametrize("template", [*(name for name in ANSWERED if name not in OTHERS), *POSTED])
def test_generated_python_types_read_every_answer(models: Any, sample_server: Server, template: str) -> None:
    schema = OPERATIONS[template]["responses"]["200"]["content"]["application/json"]["schema"]
    model = getattr(models, schema["$ref"].rpartition("/")[2])
    path = template.format(**_IDENTS)
    if template in POSTED:
        answers = [ask(sample_server, path, body) for body in POSTED[template][:-1]]
    else:
        answers = [ask(sample_server, f"{path}?{query}") for query in ANSWERED[template]]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        read = msgspec.json.decode(answer.content, type=model)
        # Nothing is lost: what was read says what was sent.
        sent, kept = answer.json(), msgspec.to_builtins(read, builtin_types=())
        assert {name: value for name, value in kept.items() if name in sent}.keys() == sent.keys()


def test_generated_python_types_read_problems(models: Any, sample_server: Server) -> None:
    answer = ask(sample_server, "/v1/search?per_page=500")
    problem = msgspec.json.decode(answer.content, type=models.ProblemAnswer)
    assert (problem.code, problem.errors[0].parameter) == ("invalid_parameter", "per_page")
