"""Builds a segment: takes documents one by one, and turns them into columns at the end.

Each distinct word of the input meets the stop list and the stemmer once; documents are rows of term numbers on disk
until they are sorted.
"""

from __future__ import annotations

import array
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.analysis.schema import WORD, term_of
from index.engines import scoring
from index.engines.columns.build.stored_hit_writer import HitRecord, StoredHitWriter
from index.engines.columns.build.suggestion_writer import write_suggestions
from index.engines.columns.format.array_file import ArrayFileWriter
from index.engines.columns.format.facet_columns import make_facet_arrays
from index.engines.columns.format.layout import (
    COLUMNS,
    DOCUMENTS,
    GROUPS,
    NO_TIME,
    SEGMENT,
    CollectionKind,
    SegmentInfo,
)
from index.engines.columns.format.sorted_strings import save_strings
from index.engines.columns.kernels import inversion
from index.engines.columns.kernels import more_like_this as similar_kernels
from index.engines.columns.kernels import tokens as token_kernels
from index.engines.columns.kernels.scoring import saturate

# Numbers wait in memory until there are so many, then go to disk.
_CHUNK = 1 << 20


class _WordNumbers(dict[str, int]):
    """From a word as it stands in a text to its number; grows by itself. ``term_numbers`` lead on to the numbers of
    terms, DROPPED for a stop word."""

    def __init__(self) -> None:
        super().__init__()
        self.terms: dict[str, int] = {}
        self.term_numbers = array.array("i")

    def __missing__(self, word: str) -> int:
        term = term_of(word)
        known = self.terms
        self.term_numbers.append(token_kernels.DROPPED if term is None else known.setdefault(term, len(known)))
        self[word] = number = len(self)
        return number


class SegmentWriter:
    """Fills a directory, which must not be there yet."""

    def __init__(self, directory: Path, kind: CollectionKind) -> None:
        directory.mkdir(parents=True)
        self.directory, self._fields, self._facets = directory, kind.fields, kind.facets
        self._numbers = _WordNumbers()
        self._tokens = _Spool(directory / "tokens.tmp", "i")
        self._counts = array.array("i")
        self._stored_hits = StoredHitWriter(directory) if kind.stores_hits else None
        self._suggests = kind.suggests
        self._arrays = ArrayFileWriter(directory / COLUMNS)
        self._save = self._arrays.save
        self._documents = open(directory / DOCUMENTS, "wb")  # noqa: SIM115 - until finish or abort
        self._document_sizes = array.array("q")
        self._ids: list[str] = []
        self.words = 0  # of all texts so far
        self._columns = {name: array.array("q") for name in ("published", "updated", "source_count")}
        self._values: dict[str, dict[str, int]] = {facet: {} for facet in kind.facets}
        self._codes = {facet: array.array("i") for facet in kind.facets}
        self._code_counts = {facet: array.array("i") for facet in kind.facets}

    def add(
        self,
        ident: str,
        document: bytes,
        texts: Mapping[str, str],
        values: Mapping[str, Sequence[str]],
        published: int | None,
        updated: int | None = None,
        source_count: int = 0,
        hit_record: HitRecord | None = None,
    ) -> None:
        """Take one document: its stored bytes, the text of each field, the values of each facet, times in µs, and what
        an answer is made of where the collection has that."""
        number_of, tokens, before = self._numbers.__getitem__, list[int](), 0
        counts = []
        for field in self._fields:
            if hit_record is not None and field.name == "source":
                tokens += self._number_titles(hit_record.source_titles)
            elif text := texts.get(field.name):
                tokens += map(number_of, WORD.findall(text))
            counts.append(len(tokens) - before)
            before = len(tokens)
        self._counts.fromlist(counts)
        self._tokens.extend(tokens)
        self.words += len(tokens)
        if self._stored_hits is not None and hit_record is not None:
            self._stored_hits.add(hit_record)
        self._documents.write(document)
        self._document_sizes.append(len(document))
        self._ids.append(ident)
        self._columns["published"].append(NO_TIME if published is None else published)
        self._columns["updated"].append(NO_TIME if updated is None else updated)
        self._columns["source_count"].append(source_count)
        for facet in self._facets:
            known, codes = self._values[facet], self._codes[facet]
            own = values.get(facet, ())
            self._code_counts[facet].append(len(own))
            codes.extend([known.setdefault(value, len(known)) for value in own])

    def _number_titles(self, titles: Sequence[str]) -> list[int]:
        """The words of the titles of sources, and an end after each."""
        found: list[int] = []
        for title in titles:
            found += map(self._numbers.__getitem__, WORD.findall(title))
            found.append(token_kernels.END_OF_SOURCE)
        return found

    def __len__(self) -> int:
        """How many documents were added."""
        return len(self._ids)

    def finish(self, labels: Mapping[str, Mapping[str, str]]) -> int:
        """Write all columns. ``labels`` leads from facet and value to what people read. Returns how many documents."""
        self._documents.close()
        published = _to_array(self._columns["published"])
        order = self._write_order(published)
        self._write_documents(order)
        self._write_columns(order, published)
        facets = {facet: self._write_facet(facet, order, labels.get(facet, {})) for facet in self._facets}
        self._write_terms(order)
        self._arrays.close()
        info = SegmentInfo(len(order), self._average_whole, self._averages, facets, self._arrays.entries)
        (self.directory / SEGMENT).write_bytes(msgspec.json.encode(info))
        return len(order)

    def abort(self) -> None:
        self._documents.close()
        if self._stored_hits is not None:
            self._stored_hits.abort()
        self._tokens.close()
        self._arrays.close()

    def _write_order(self, published: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number the documents: newest first, undated last, ties by id; and write the ids for looking up."""
        ids = [ident.encode() for ident in self._ids]
        by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
        # NO_TIME is the lowest number there is, and has no negative.
        order: NDArray[np.int64] = by_id[np.argsort(~published[by_id], kind="stable")]
        numbers = np.empty(len(order), np.int32)
        numbers[order] = np.arange(len(order), dtype=np.int32)
        save_strings(self._save, "ids", [ids[at] for at in by_id])
        self._save("id_docs", numbers[by_id])
        places = np.empty(len(order), np.int32)
        places[numbers[by_id]] = np.arange(len(order), dtype=np.int32)
        self._save("doc_ids", places)
        return order

    def _write_documents(self, order: NDArray[np.int64]) -> None:
        sizes = _to_array(self._document_sizes)
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._save("document_starts", starts[:-1][order])
        self._save("document_sizes", sizes[order])

    def _write_columns(self, order: NDArray[np.int64], published: NDArray[np.int64]) -> None:
        """The columns by document number, and for each order that is asked for the rank of each document."""
        published = published[order]
        updated = _to_array(self._columns["updated"])[order]
        counts = _to_array(self._columns["source_count"])[order]
        self._save("published", published)
        self._save("updated", updated)
        self._save("source_count", counts.astype(np.int32))
        oldest = np.where(published == NO_TIME, np.iinfo(np.int64).max, published)
        for name, key in (("oldest", oldest), ("updated", ~updated), ("sources", -counts)):
            ranks = np.empty(len(order), np.int32)
            ranks[np.argsort(key, kind="stable")] = np.arange(len(order), dtype=np.int32)
            self._save(f"rank_{name}", ranks)

    def _write_facet(self, facet: str, order: NDArray[np.int64], labels: Mapping[str, str]) -> list[str]:
        """Values are numbered in the order in which facets list them: by label, then id. Returns them so."""
        known = self._values[facet]
        ordered = sorted(known, key=lambda value: label_order(value, labels))
        renumbered = np.empty(len(known), np.int32)
        renumbered[[known[value] for value in ordered]] = np.arange(len(known), dtype=np.int32)
        sizes = _to_array(self._code_counts[facet]).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        codes = renumbered[_to_array(self._codes[facet])]
        new_starts = np.concatenate([[0], np.cumsum(sizes[order])]).astype(np.int64)
        source = np.repeat(starts[:-1][order] - new_starts[:-1], sizes[order]) + np.arange(len(codes))
        for name, values in make_facet_arrays(sizes[order], codes[source], len(known)).items():
            self._save(f"facet_{facet}_{name}", values)
        return ordered

    # --- postings ----------------------------------------------------------------------------------------------

    def _write_terms(self, order: NDArray[np.int64]) -> None:
        terms = self._numbers.terms
        encoded = sorted((term.encode(), number) for term, number in terms.items())
        renumbered = np.empty(len(terms), np.int32)
        renumbered[[number for _, number in encoded]] = np.arange(len(terms), dtype=np.int32)
        save_strings(self._save, "terms", [term for term, _ in encoded])
        numbers = self._write_words(renumbered)
        counts = np.array(self._counts, np.int32).reshape(len(order), len(self._fields))
        spooled = self._tokens.read()
        if self._stored_hits is not None:
            self._stored_hits.finish(self._save, order, spooled, counts, self._numbers, numbers)
        tokens, lengths = self._drop_stop_words(spooled, counts)
        self._averages = {field.name: _mean(lengths[:, at]) for at, field in enumerate(self._fields)}
        default = [at for at, field in enumerate(self._fields) if field.default]
        self._average_whole = _mean(lengths[:, default].sum(axis=1, dtype=np.int32))
        group_of = np.array([0 if field.default else 1 for field in self._fields], np.int32)
        places = np.zeros((len(GROUPS), len(terms)), np.int64)
        inversion.count_positions(tokens, renumbered, group_of, lengths, places)
        starts = np.concatenate([[0], np.cumsum(lengths.sum(axis=1, dtype=np.int64))])[:-1]
        for group, name in enumerate(GROUPS):
            self._write_group(name, group, order, tokens, renumbered, group_of, lengths, starts, places[group])
        self._save("lengths", lengths[order].T.copy())
        if self._suggests:
            write_suggestions(self._save, order, spooled, counts, list(self._numbers), numbers, self._doc_freqs)
        self._tokens.close()

    def _drop_stop_words(
        self, spooled: NDArray[np.int32], counts: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """From words, ``counts`` of each field, to terms and how many of them each field has."""
        path = self.directory / "terms.tmp"
        kept = np.memmap(path, np.int32, "w+", shape=(len(spooled) + 1,))
        path.unlink()
        lengths = np.empty_like(counts)
        n = token_kernels.drop_stop_words(
            spooled, np.array(self._numbers.term_numbers, np.int32), counts, kept, lengths
        )
        return kept[:n], lengths

    def _write_words(self, renumbered: NDArray[np.int32]) -> NDArray[np.int32]:
        """Every word in lower case with its term's number: what a prefix stands for. Returns by the number of a word as
        it stands in texts its number there, DROPPED for a stop word."""
        pairs = zip(self._numbers, self._numbers.term_numbers, strict=True)
        lower = [word.lower().encode() if term >= 0 else None for word, term in pairs]
        terms = {word: term for word, term in zip(lower, self._numbers.term_numbers, strict=True) if word is not None}
        words = sorted(terms)
        save_strings(self._save, "words", words)
        self._word_terms = renumbered[np.array([terms[word] for word in words], np.int64)]
        self._save("word_terms", self._word_terms)
        places = {word: place for place, word in enumerate(words)}
        found = [token_kernels.DROPPED if word is None else places[word] for word in lower]
        return np.array(found, np.int32)

    def _write_group(
        self,
        name: str,
        group: int,
        order: NDArray[np.int64],
        tokens: NDArray[np.int32],
        renumbered: NDArray[np.int32],
        group_of: NDArray[np.int32],
        lengths: NDArray[np.int32],
        starts: NDArray[np.int64],
        counts: NDArray[np.int64],
    ) -> None:
        term_offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        position_docs = np.empty(term_offsets[-1], np.int32)
        places = np.empty(term_offsets[-1], np.uint32)
        next_offset = term_offsets[:-1].copy()
        inversion.scatter_positions(
            tokens, renumbered, group_of, group, lengths, starts, order, next_offset, position_docs, places
        )
        doc_freq = np.zeros(len(counts), np.int64)
        inversion.count_postings(term_offsets, position_docs, doc_freq)
        term_starts = np.concatenate([[0], np.cumsum(doc_freq)]).astype(np.int64)
        size = int(term_starts[-1])
        docs, fields = np.empty(size, np.int32), np.empty(size, np.uint8)
        position_offsets = np.empty(size + 1, np.uint32)
        whole, title = np.empty(size, np.int32), np.empty(size, np.int32)
        inversion.fill_postings(term_offsets, position_docs, places, docs, fields, position_offsets, whole, title)
        self._save(f"{name}_starts", term_starts)
        self._save(f"{name}_docs", docs)
        self._save(f"{name}_fields", fields)
        self._save(f"{name}_place_starts", position_offsets)
        self._save(f"{name}_places", places)
        if group == 0:
            self._doc_freqs = doc_freq[self._word_terms]
            self._write_weights(order, group_of, lengths, term_starts, docs, whole, title)

    def _write_weights(
        self,
        order: NDArray[np.int64],
        group_of: NDArray[np.int32],
        lengths: NDArray[np.int32],
        term_starts: NDArray[np.int64],
        docs: NDArray[np.int32],
        whole: NDArray[np.int32],
        title: NDArray[np.int32],
    ) -> None:
        """BM25's share of each posting, in the whole text and in the title; how many titles hold each term."""
        whole_lengths = np.empty(len(order), np.int32)
        inversion.sum_lengths(lengths, order, group_of, 0, whole_lengths)
        weights = np.empty(len(docs), np.float32)
        for name, counts, own, average in (
            ("whole", whole, whole_lengths, self._average_whole),
            ("title", title, np.ascontiguousarray(lengths[:, 0][order]), self._averages[self._fields[0].name]),
        ):
            saturate(docs, counts, own, max(1.0, average), scoring.K1, scoring.B, weights)
            self._save(f"text_{name}", weights)
        if self._stored_hits is not None:
            squares = np.zeros(2 * len(order), np.float32)
            similar_kernels.add_squares(docs, whole, title, squares)
            lengths_of = np.sqrt(squares).reshape(-1, 2)
            self._save("text_norms", np.divide(1, lengths_of, out=np.zeros_like(lengths_of), where=lengths_of > 0))
        doc_freq = np.concatenate([[0], np.cumsum(title > 0)])
        self._save("title_holding", (doc_freq[term_starts[1:]] - doc_freq[term_starts[:-1]]).astype(np.int32))


class _Spool:
    """Numbers on their way to disk."""

    def __init__(self, path: Path, kind: str) -> None:
        self._path = path
        self._file = open(path, "wb")  # noqa: SIM115 - until close
        self._waiting = array.array(kind)

    def extend(self, numbers: list[int]) -> None:
        self._waiting.fromlist(numbers)
        if len(self._waiting) >= _CHUNK:
            self._flush()

    def read(self) -> NDArray[np.int32]:
        self._flush()
        self._file.flush()
        if not self._path.stat().st_size:
            return np.empty(0, np.int32)
        return np.memmap(self._path, np.int32, "r")

    def close(self) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        self._waiting.tofile(self._file)
        del self._waiting[:]


def label_order(value: str, labels: Mapping[str, str]) -> tuple[str, str]:
    """The order in which facets list values: by label, then id."""
    return labels.get(value, value).casefold(), value


def _to_array(numbers: array.array[int]) -> NDArray[np.int64]:
    return np.array(numbers, np.dtype(numbers.typecode)).astype(np.int64)


def _mean(lengths: NDArray[np.int32]) -> float:
    return float(lengths.mean()) if len(lengths) else 0.0
