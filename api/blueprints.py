"""What every blueprint shares: strict parameters, the documented answers, and the index that requests borrow."""

from __future__ import annotations

import http
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import current_app
from flask_smorest import Blueprint
from marshmallow import Schema
from msgspec import Struct

from api.errors import PROBLEMS, ProblemType
from api.openapi.examples import EXAMPLES
from api.request.arguments import NoArguments
from api.request.parameters import QueryParser
from index.live import LiveIndex, Loan
from index.query.requests import FACETS

View = TypeVar("View", bound=Callable[..., Any])


class ApiBlueprint(Blueprint):  # type: ignore[misc]  # flask-smorest has no types
    """A flask-smorest blueprint that refuses unknown and repeated parameters."""

    ARGUMENTS_PARSER = QueryParser()

    def reads(
        self,
        path: str,
        arguments: type[Schema],
        answer: type[Schema] | dict[str, Any],
        *problems: str,
        media_type: str = "application/json",
        text_type: str = "",
    ) -> Callable[[View], View]:
        """Route GET and HEAD of ``path`` to a view; ``problems`` are codes of PROBLEMS that it may answer with;
        ``text_type`` is the media type of the same answer as text of another form."""

        def decorate(view: View) -> View:
            example = EXAMPLES.answers.get(view.__name__)
            documented = self.response(200, answer, content_type=media_type, example=example)(view)
            if text_type:
                shown = EXAMPLES.answers.get(f"{view.__name__} as text")
                text = {"content": {text_type: {"schema": {"type": "string"}, "example": shown}}}
                documented = self.doc(responses={200: text})(documented)
            for code in problems:
                problem: ProblemType = PROBLEMS[code]
                name = _RESPONSES[problem.status]
                documented = self.alt_response(problem.status, name)(documented)
            documented = self.alt_response(304, "NOT_MODIFIED", success=True)(documented)
            return self._route(path, arguments, view, documented)

        return decorate

    def takes(self, path: str, body: type[Struct], answer: type[Schema], *problems: str) -> Callable[[View], View]:
        """Route POST of ``path`` to a view that reads a body of this form itself; query parameters say nothing."""

        def decorate(view: View) -> View:
            form: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{body.__name__}"}}
            if view.__name__ in EXAMPLES.bodies:
                form["example"] = EXAMPLES.bodies[view.__name__]
            documented = self.response(200, answer, example=EXAMPLES.answers.get(view.__name__))(view)
            for code in problems:
                status = PROBLEMS[code].status
                documented = self.alt_response(status, _RESPONSES[status])(documented)
            said = {"required": True, "content": {"application/json": form, "text/plain": form}}
            documented = self.doc(operationId=view.__name__, requestBody=said)(documented)

            # As below: the documenting wrappers would dump the answer.
            @wraps(documented)
            def answer_body(**path_values: str) -> Any:
                return view(**path_values)

            routed: View = self.route(path, methods=["POST"], parameters=_path_parameters(path))(answer_body)
            return routed

        return decorate

    def streams(self, path: str, arguments: type[Schema], media_type: str) -> Callable[[View], View]:
        """Route ``path`` to a view that answers with text, line by line."""

        def decorate(view: View) -> View:
            example = EXAMPLES.answers.get(view.__name__)
            documented = self.response(200, {"type": "string"}, content_type=media_type, example=example)(view)
            documented = self.alt_response(503, _RESPONSES[503])(documented)
            return self._route(path, arguments, view, documented)

        return decorate

    def moves(self, path: str) -> Callable[[View], View]:
        """Route ``path`` to a view that redirects to where something stands."""

        def decorate(view: View) -> View:
            documented = self.response(302, description="Where it stands")(view)
            for status in (404, 410, 503):
                documented = self.alt_response(status, _RESPONSES[status])(documented)
            return self._route(path, NoArguments, view, documented)

        return decorate

    def _route(self, path: str, arguments: type[Schema], view: View, documented: Callable[..., Any]) -> View:
        schema = arguments()
        documented = self.arguments(schema, location="query")(documented)
        # What generated clients name their methods after.
        documented = self.doc(operationId=view.__name__)(documented)
        parser: QueryParser = self.ARGUMENTS_PARSER

        # smorest's wrappers only document: no request goes through them.
        @wraps(documented)
        def answer(**path_values: str) -> Any:
            return view(parser.read(schema), **path_values)

        routed: View = self.route(path, parameters=_path_parameters(path))(answer)
        return routed


# smorest names its documented responses after http.HTTPStatus.
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


# No path of ours holds a longer value.
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
