"""What makes two names, domains or URLs the same, and what keeps them apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.documents import identity
from index.documents.identity import canonical_url, host_of, normalize_domain, publisher_id, slug_of, source_id


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Artificial Intelligence", "artificial-intelligence"),
        ("C", "c"),
        ("C++", "c-plus-plus"),
        ("C#", "c-sharp"),
        ("Ünïcode & Söns", "unicode-sons"),
        ("日本", "ri-ben"),
        ("", ""),
        (" \t", ""),
    ],
)
def test_names_become_slugs(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_every_name_that_is_not_blank_has_a_slug_that_can_stand_in_a_url(name: str) -> None:
    slug = slug_of(name)
    assert bool(slug) == bool(name.strip())
    assert slug.replace("-", "").isalnum() or not slug
    assert slug.isascii()
    assert slug == slug.lower()
    assert len(slug) <= 100
    assert slug_of(slug) == slug


@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.text(st.characters(max_codepoint=127)), st.text(st.sampled_from("aB1,.' -+#_;&\n–—…“”’‘"), max_size=130)
    )
)
def test_the_short_way_of_plain_names_leads_where_the_long_one_does(name: str) -> None:
    if name.strip() and (long := identity._spell(name)):
        assert slug_of(name) == long


def test_names_that_cannot_be_spelled_in_ascii_stay_apart() -> None:
    assert slug_of("☃") != slug_of("☂")
    assert slug_of("☃") == slug_of("☃")


@pytest.mark.parametrize(
    "names",
    [
        ("Reuters", "REUTERS", " reuters "),
        ("cnn.com", "www.cnn.com", "WWW.CNN.COM", "https://www.cnn.com/", "cnn.com."),
        ("The Verge", "the verge", "The  Verge"),
    ],
)
def test_spellings_of_one_publisher_are_one(names: tuple[str, ...]) -> None:
    assert len(set(map(publisher_id, names))) == 1


def test_publishers_that_differ_stay_apart() -> None:
    names = ("cnn.com", "edition.cnn.com", "CNN", "Reuters", "朝日新聞", "産経新聞", "C", "C++", "Yahoo! Inc. News")
    assert len(set(map(publisher_id, names))) == len(names)


@pytest.mark.parametrize(
    ("domain", "bare"),
    [
        ("www.example.com", "example.com"),
        ("EXAMPLE.com.", "example.com"),
        ("https://www.example.com:8080/path", "example.com"),
        (" example.com ", "example.com"),
        ("wwwexample.com", "wwwexample.com"),
        ("", ""),
        (" ", ""),
    ],
)
def test_domains_lose_what_does_not_tell_them_apart(domain: str, bare: str) -> None:
    assert normalize_domain(domain) == bare


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_text_may_be_given_for_a_domain_or_a_url(text: str) -> None:
    assert isinstance(normalize_domain(text), str)
    assert isinstance(publisher_id(text), str)
    for url in (text, "https://" + text, "https://[" + text, f"https://example.com:{text}/?{text}#{text}"):
        assert isinstance(host_of(url), str)
        assert isinstance(canonical_url(url), str)
        assert len(source_id(url, "1", 1)) == 20


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a?b=1&c=2",
        "https://www.example.com/a/?c=2&b=1",
        "HTTPS://EXAMPLE.com:443/a?b=1&c=2#top",
        "http://example.com:80/a//?b=1&c=2",
        " https://example.com/a?utm_source=x&b=1&UTM_Medium=y&c=2&fbclid=z&GCLID=1 ",
    ],
)
def test_urls_of_one_article_are_one(url: str) -> None:
    assert canonical_url(url) == "example.com/a?b=1&c=2"
    assert source_id(url, "1", 1) == source_id("https://example.com/a?b=1&c=2", "2", 9)


def test_urls_of_different_articles_stay_apart() -> None:
    urls = (
        "https://example.com/",
        "https://example.com/a",
        "https://example.com/A",
        "https://example.com/a?id=1",
        "https://example.com/a?id=2",
        "https://example.com/a?id=",
        "https://m.example.com/a",
        "https://example.com:8080/a",
        "https://example.com/a/b",
    )
    assert len({source_id(url, "1", 1) for url in urls}) == len(urls)


def test_a_source_without_a_url_is_one_of_its_story_alone() -> None:
    assert len({source_id(None, story, place) for story in ("1", "2") for place in (1, 2)}) == 4
    assert source_id(None, "31141", 2) == "31141:2"
