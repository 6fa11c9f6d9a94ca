"""The decorators that make a function an endpoint.

A decorated function gets an open generation and checked arguments, and returns the answer's content. The decorator
checks the query string, borrows the generation, answers 304 or from the cache of answers, sets ETag and caching
headers, compresses, and documents the endpoint in the OpenAPI document.
"""

from __future__ import annotations

import http
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import msgspec
from flask import Response, current_app
from flask_smorest import Blueprint
from marshmallow import Schema
from msgspec import Struct

from api.errors import PROBLEMS
from api.openapi.examples import EXAMPLES
from api.request.arguments import NoArguments
from api.request.parameters import Arguments, QueryParser
from api.request.site import base_url
from api.response.conditional import Form, answer_conditionally, make_json
from api.response.pagination import make_link_header
from index.live import LiveIndex, Loan, OpenGeneration
from index.query.requests import FACETS

JSON = "application/json"
View = TypeVar("View", bound=Callable[..., Any])
MakeForm = Callable[[OpenGeneration, Arguments], Form]


class ApiBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A flask-smorest blueprint that refuses unknown and repeated parameters."""

    ARGUMENTS_PARSER = QueryParser()

    def get_json(
        self, path: str, arguments: type[Schema], answer: type[Schema], *problems: str
    ) -> Callable[[View], View]:
        """Route GET of ``path`` to ``view(generation, arguments, **path values)``, which returns the JSON object.

        ``problems``: codes of PROBLEMS that it may answer.
        """

        def decorate(view: View) -> View:
            def respond(arguments: Arguments, **values: str) -> Response:
                with borrow_index() as generation:

                    def make() -> tuple[bytes, str]:
                        content = view(generation, arguments, **values)
                        link = make_link_header(content["links"]) if "links" in content else ""
                        return msgspec.json.encode(content), link

                    return answer_conditionally(generation, arguments, Form(JSON, base_url()), make)

            return self._document(path, arguments, answer, problems, JSON, view, respond)

        return decorate

    def get_document(
        self,
        path: str,
        arguments: type[Schema],
        answer: type[Schema] | dict[str, Any],
        *problems: str,
        media_type: str,
        form: MakeForm | None = None,
        text_type: str = "",
    ) -> Callable[[View], View]:
        """Route GET of ``path`` to ``view(generation, arguments, **path values)``, which returns bytes.

        ``form`` says more about the answer than the media type. ``text_type``: the media type of the same answer in
        another format.
        """

        def decorate(view: View) -> View:
            def respond(arguments: Arguments, **values: str) -> Response:
                with borrow_index() as generation:
                    chosen = form(generation, arguments) if form else Form(media_type, base_url())
                    return answer_conditionally(
                        generation, arguments, chosen, lambda: (view(generation, arguments, **values), "")
                    )

            return self._document(path, arguments, answer, problems, media_type, view, respond, text_type)

        return decorate

    def get_response(
        self,
        path: str,
        arguments: type[Schema],
        answer: type[Schema] | dict[str, Any],
        *problems: str,
        media_type: str = JSON,
    ) -> Callable[[View], View]:
        """Route GET of ``path`` to ``view(arguments, **path values)``, which returns the whole response."""

        def decorate(view: View) -> View:
            return self._document(path, arguments, answer, problems, media_type, view, view)

        return decorate

    def post_json(
        self, path: str, body: type[Struct], answer: type[Schema], *problems: str, read: Callable[..., Any]
    ) -> Callable[[View], View]:
        """Route POST of ``path`` to ``view(generation, content)``, which returns the JSON object.

        ``read(**path values)`` reads and checks the body, before a generation is borrowed: bodies may be slow.
        """

        def decorate(view: View) -> View:
            content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{body.__name__}"}}
            if view.__name__ in EXAMPLES.bodies:
                content["example"] = EXAMPLES.bodies[view.__name__]
            documented = self.response(200, answer, example=EXAMPLES.answers.get(view.__name__))(view)
            documented = self._document_problems(problems, documented)
            request_body = {"required": True, "content": {JSON: content, "text/plain": content}}
            documented = self.doc(operationId=view.__name__, requestBody=request_body)(documented)

            @wraps(documented)
            def respond(**values: str) -> Response:
                searches = read(**values)
                with borrow_index() as generation:
                    return make_json(view(generation, searches))

            routed: View = self.route(path, methods=["POST"], parameters=_path_parameters(path))(respond)
            return routed

        return decorate

    def streams(self, path: str, arguments: type[Schema], media_type: str) -> Callable[[View], View]:
        """Route GET of ``path`` to ``view(arguments)``, which returns a response of many lines."""

        def decorate(view: View) -> View:
            example = EXAMPLES.answers.get(view.__name__)
            documented = self.response(200, {"type": "string"}, content_type=media_type, example=example)(view)
            documented = self.alt_response(503, _RESPONSES[503])(documented)
            return self._route(path, arguments, view, documented, view)

        return decorate

    def redirects(self, path: str) -> Callable[[View], View]:
        """Route GET of ``path`` to ``view(generation, **path values)``, which returns a redirect."""

        def decorate(view: View) -> View:
            documented = self.response(302, description="Where it stands")(view)
            for status in (404, 410, 503):
                documented = self.alt_response(status, _RESPONSES[status])(documented)

            def respond(arguments: Arguments, **values: str) -> Any:
                with borrow_index() as generation:
                    return view(generation, **values)

            return self._route(path, NoArguments, view, documented, respond)

        return decorate

    def _document(
        self,
        path: str,
        arguments: type[Schema],
        answer: type[Schema] | dict[str, Any],
        problems: tuple[str, ...],
        media_type: str,
        view: View,
        respond: Callable[..., Any],
        text_type: str = "",
    ) -> View:
        example = EXAMPLES.answers.get(view.__name__)
        documented = self.response(200, answer, content_type=media_type, example=example)(view)
        if text_type:
            text_example = EXAMPLES.answers.get(f"{view.__name__} as text")
            text = {"content": {text_type: {"schema": {"type": "string"}, "example": text_example}}}
            documented = self.doc(responses={200: text})(documented)
        documented = self._document_problems(problems, documented)
        documented = self.alt_response(304, "NOT_MODIFIED", success=True)(documented)
        return self._route(path, arguments, view, documented, respond)

    def _document_problems(self, problems: tuple[str, ...], documented: Callable[..., Any]) -> Callable[..., Any]:
        for code in problems:
            status = PROBLEMS[code].status
            documented = self.alt_response(status, _RESPONSES[status])(documented)
        return documented

    def _route(
        self,
        path: str,
        arguments: type[Schema],
        view: View,
        documented: Callable[..., Any],
        respond: Callable[..., Any],
    ) -> View:
        schema = arguments()
        documented = self.arguments(schema, location="query")(documented)
        # Generated clients name their methods after it.
        documented = self.doc(operationId=view.__name__)(documented)
        parser: QueryParser = self.ARGUMENTS_PARSER

        # The wrappers of flask-smorest only document; requests do not go through them.
        @wraps(documented)
        def answer(**values: str) -> Any:
            return respond(parser.read(schema), **values)

        routed: View = self.route(path, parameters=_path_parameters(path))(answer)
        return routed


# flask-smorest names responses after http.HTTPStatus.
_RESPONSES = {
    400: "BAD_REQUEST",
    404: "NOT_FOUND",
    410: "GONE",
    413: http.HTTPStatus(413).name,
    503: "SERVICE_UNAVAILABLE",
    504: "GATEWAY_TIMEOUT",
}
_PATH_PARAMETERS = {
    "story_id": "Id of a story",
    "source_id": "Id of a source",
    "facet_name": "Name of a facet",
    "sitemap_name": "A month and a number, as 2025-01-1.xml; undated-1.xml; news.xml",
    "index_name": "Index, which stands for an order: stories, stories_newest and so on, or sources",
    "publisher_id": "Id of a publisher, a slug",
    "code": "Code of a problem; - and _ are the same",
    "name": "Slug and id of a story, joined by -",
}


# No id is longer.
_ANY_PATH = {"type": "string", "minLength": 1, "maxLength": 300}
_PATH_SCHEMAS = {"facet_name": {"type": "string", "enum": [*FACETS]}}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"in": "path", "name": name, "description": description, "schema": _PATH_SCHEMAS.get(name, _ANY_PATH)}
        for name, description in _PATH_PARAMETERS.items()
        if f"<{name}>" in path
    ]


def borrow_index() -> Loan:
    """The current generation, for the length of a with block. Entering it raises IndexUnavailable."""
    live: LiveIndex = current_app.extensions["outpost.index"]
    return live.borrow()
