"""create_app(): builds the WSGI application from settings."""

from __future__ import annotations

import codecs
import http
import mimetypes
from typing import Any

import msgspec
from flask import Flask
from flask_smorest import Api
from flask_smorest.utils import prepare_response
from flask_swagger_ui import get_swaggerui_blueprint

from api.feeds import views as feeds
from api.instantsearch import views as instantsearch
from api.instantsearch.requests import ManySearches, Parameters
from api.middleware.http import register_http
from api.middleware.rate_limit import register_rate_limit
from api.middleware.slow_clients import SlowClients
from api.observability.logs import configure_logging
from api.observability.metrics import Metrics
from api.openapi.examples import get_problem_examples
from api.openapi.schemas import ProblemAnswer
from api.pages import blueprint as pages
from api.pages.problems import show_problem
from api.request.query_string import Request
from api.response.cache import AnswerCache
from api.response.conditional import VERSION
from api.response.problems import register_error_handlers
from api.routes import (
    counts,
    export,
    health,
    jsonld,
    oembed,
    publishers,
    search,
    sharing,
    sitemap,
    sources,
    stories,
    suggest,
)
from api.routes import opensearch_description as opensearch
from api.settings import Settings
from index.documents.identity import slug_of
from index.live import LiveIndex

_DESCRIPTION = (
    "Search news stories and the articles that they cite. Every list has total, page, per_page, pages, links and "
    "results; every error is application/problem+json. Later versions may add keys; existing keys keep their meaning."
)


class ProblemApi(Api):  # type: ignore[misc]  # flask-smorest has no types
    """flask-smorest with the problem bodies of this API as errors."""

    ERROR_SCHEMA = ProblemAnswer

    def _register_error_handlers(self) -> None:
        """Do nothing: smorest's handler drops the Allow header of a 405. See api/response/problems.py."""

    def _register_pagination_header(self) -> None:
        """Do nothing: pagination is in the body and in the Link header."""

    def _register_responses(self) -> None:
        """Document errors as application/problem+json."""
        for status in http.HTTPStatus:
            if status == 304:
                self.spec.components.response(
                    "NOT_MODIFIED", {"description": "The client already has this answer"}, lazy=True
                )
            elif status >= 400:
                self._register_problem(status.name, status.phrase, get_problem_examples(str(status.value)))
        others = {**get_problem_examples("405"), **get_problem_examples("429"), **get_problem_examples("500")}
        self._register_problem("DEFAULT_ERROR", "Any other problem", others)

    def _register_problem(self, name: str, description: str, examples: dict[str, Any]) -> None:
        response = {"description": description, "schema": self.ERROR_SCHEMA}
        if examples:
            response["examples"] = examples
        prepare_response(response, self.spec, "application/problem+json")
        self.spec.components.response(name, response, lazy=True)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. ``settings`` default to those of the environment.

    The index may be built later; until then, answers are 503. Raises InvalidSetting.
    """
    settings = settings or Settings.from_env()
    configure_logging()
    app = Flask("outpost", static_folder=None)
    app.request_class = Request
    app.config.update(_config())
    app.url_map.merge_slashes = False
    app.extensions["outpost.settings"] = settings
    app.extensions["outpost.answers"] = AnswerCache()
    app.extensions["outpost.index"] = LiveIndex(settings.place)
    app.extensions["outpost.slow_clients"] = SlowClients()
    register_error_handlers(app)
    _register_views(app, settings)
    app.register_blueprint(_make_docs())
    # Otherwise /docs redirects to /docs/ on the host that the Host header names.
    app.add_url_rule("/docs", view_func=app.view_functions["docs.show"])
    metrics = Metrics([rule.rule for rule in app.url_map.iter_rules()], settings.metrics_directory)
    app.extensions["outpost.metrics"] = metrics
    register_http(app, metrics, settings.slow_ms)
    if settings.pages == "on":
        # After register_http, because Flask runs after_request handlers in reverse order.
        app.after_request(show_problem)
    register_rate_limit(app, settings)
    _load_early(app)
    return app


def _load_early(app: Flask) -> None:
    """Load files now that libraries would open at the first use, when no file descriptor may be left."""
    slug_of("é")  # the transliteration table
    mimetypes.init()
    codecs.lookup("unicode_escape")  # Jinja needs it to compile templates
    app.jinja_env.get_template("index.template.html")  # of /docs


def _register_views(app: Flask, settings: Settings) -> None:
    documented = ProblemApi(app)
    api_modules = (search, suggest, stories, sources, publishers, counts, export, health)
    for module in (*api_modules, feeds, jsonld, oembed, instantsearch):
        documented.register_blueprint(module.blueprint)
    if settings.pages == "on":
        app.register_blueprint(pages)
        # These describe the pages.
        documented.register_blueprint(sitemap.blueprint)
        documented.register_blueprint(opensearch.blueprint)
    else:
        documented.register_blueprint(sharing.blueprint)
    _, bodies = msgspec.json.schema_components((ManySearches, Parameters), ref_template="#/components/schemas/{name}")
    for name, schema in bodies.items():
        documented.spec.components.schema(name, schema)


def _config() -> dict[str, Any]:
    return {
        "API_TITLE": "Outpost",
        "API_VERSION": VERSION,
        "OPENAPI_VERSION": "3.1.0",
        "OPENAPI_URL_PREFIX": "/",
        "OPENAPI_JSON_PATH": "openapi.json",
        "API_SPEC_OPTIONS": {"info": {"description": _DESCRIPTION}},
    }


def _make_docs() -> Any:
    """Swagger UI with bundled assets; validatorUrl None: it calls no external validator."""
    config = {"app_name": "Outpost API", "validatorUrl": None, "oauth2RedirectUrl": ""}
    return get_swaggerui_blueprint("/docs", "/openapi.json", config=config, blueprint_name="docs")
