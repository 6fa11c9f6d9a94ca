"""What is stored of a story for lists is what the schema describes, links and all."""

from __future__ import annotations

import msgspec
from hypothesis import example, given, settings

from api.openapi.schemas import StoryBrief
from index.documents.stored_hit import describe_hit, encode_hit, find_text_offsets, insert_base_url, read_id
from index.documents.story import Story
from tests.support.strategies import stories

BASE = 'https://news.example/"a"'
_CUNNING = Story(
    id="1",
    title='","short_title":"\\',
    short_title=',"summary":"\\","url":"',
    summary='"summary":"x","curated_by":"\\u0000',
    curated_by='"share_url":"',
)


@settings(max_examples=200, deadline=None)
@given(stories())
@example(_CUNNING)
def test_stored_bytes_are_what_the_schema_describes(story: Story) -> None:
    stored = encode_hit(story)
    assert stored.count(b"\0") == 2
    described = describe_hit(story, BASE)
    assert insert_base_url(stored, BASE) == msgspec.json.encode(described)
    shown = msgspec.json.decode(insert_base_url(stored, BASE))
    assert StoryBrief().dump(StoryBrief().load(shown)).keys() == shown.keys() == StoryBrief().fields.keys()
    assert shown["url"] == f"{BASE}/v1/stories/{story.id}"


@settings(max_examples=200, deadline=None)
@given(stories())
@example(_CUNNING)
def test_the_texts_of_stored_bytes_are_found(story: Story) -> None:
    stored = encode_hit(story)
    title, title_end, summary, summary_end = find_text_offsets(stored)
    assert msgspec.json.decode(b'"%b"' % stored[title:title_end]) == story.title
    assert msgspec.json.decode(b'"%b"' % stored[summary:summary_end]) == story.summary
    assert read_id(stored) == story.id
