"""Builds one segment: collects documents one by one, and writes all arrays at the end.

The tokens of the texts go to a temporary file until all documents are there.
"""

from __future__ import annotations

import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.analysis.schema import WORD
from index.engines.columns.build.postings_writer import AverageLengths, PostingsWriter
from index.engines.columns.build.stored_hit_writer import HitRecord, StoredHitWriter
from index.engines.columns.build.suggestion_writer import write_suggestions
from index.engines.columns.build.vocabulary import SegmentVocabulary, write_dictionary
from index.engines.columns.format.array_file import ArrayFileWriter
from index.engines.columns.format.facet_columns import make_facet_arrays
from index.engines.columns.format.layout import COLUMNS, DOCUMENTS, NO_TIME, SEGMENT, CollectionKind, SegmentInfo
from index.engines.columns.format.sorted_strings import save_strings
from index.engines.columns.kernels import tokens as token_kernels

# The token file is written in chunks of at least this many numbers.
_CHUNK = 1 << 20


class SegmentWriter:
    """Writes one segment into a new ``directory``. Raises FileExistsError if the directory exists."""

    def __init__(self, directory: Path, kind: CollectionKind) -> None:
        directory.mkdir(parents=True)
        self.directory, self._kind = directory, kind
        self._arrays = ArrayFileWriter(directory / COLUMNS)
        self._save = self._arrays.save
        # By document, in the order of arrival:
        self._ids: list[str] = []
        self._documents = open(directory / DOCUMENTS, "wb")  # noqa: SIM115 - until finish or abort
        self._document_sizes = array.array("q")
        self._columns = {name: array.array("q") for name in ("published", "updated", "source_count")}
        self._stored_hits = StoredHitWriter(directory) if kind.stores_hits else None
        # By facet: the code of each value, the codes of all documents, and how many codes each document has.
        self._values: dict[str, dict[str, int]] = {facet: {} for facet in kind.facets}
        self._codes = {facet: array.array("i") for facet in kind.facets}
        self._code_counts = {facet: array.array("i") for facet in kind.facets}
        # The words of all texts, field after field, and how many each field of each document has.
        self._vocabulary = SegmentVocabulary()
        self._tokens = _TokenFile(directory / "tokens.tmp")
        self._token_counts = array.array("i")
        self.words = 0  # tokens of all texts so far

    def __len__(self) -> int:
        """The number of documents added so far."""
        return len(self._ids)

    # --- adding documents ----------------------------------------------------------------------------------------

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
        """Add one document.

        ``document``: the bytes to store; ``texts``: the text of each field; ``values``: the values of each facet.
        ``published`` and ``updated`` are in µs since 1970. ``hit_record`` is required if the collection stores hits.
        """
        self._ids.append(ident)
        self._documents.write(document)
        self._document_sizes.append(len(document))
        self._columns["published"].append(NO_TIME if published is None else published)
        self._columns["updated"].append(NO_TIME if updated is None else updated)
        self._columns["source_count"].append(source_count)
        if self._stored_hits is not None and hit_record is not None:
            self._stored_hits.add(hit_record)
        self._add_tokens(texts, hit_record)
        self._add_values(values)

    def _add_tokens(self, texts: Mapping[str, str], hit_record: HitRecord | None) -> None:
        tokens: list[int] = []
        counts = []
        for field in self._kind.fields:
            before = len(tokens)
            if hit_record is not None and field.name == "source":
                for title in hit_record.source_titles:
                    tokens += self._number_words(title)
                    tokens.append(token_kernels.END_OF_SOURCE)
            elif text := texts.get(field.name):
                tokens += self._number_words(text)
            counts.append(len(tokens) - before)
        self._token_counts.fromlist(counts)
        self._tokens.extend(tokens)
        self.words += len(tokens)

    def _number_words(self, text: str) -> Iterable[int]:
        return map(self._vocabulary.__getitem__, WORD.findall(text))

    def _add_values(self, values: Mapping[str, Sequence[str]]) -> None:
        for facet in self._kind.facets:
            known = self._values[facet]
            codes = [known.setdefault(value, len(known)) for value in values.get(facet, ())]
            self._code_counts[facet].append(len(codes))
            self._codes[facet].extend(codes)

    # --- writing the segment -------------------------------------------------------------------------------------

    def finish(self, labels: Mapping[str, Mapping[str, str]]) -> int:
        """Write the segment; ``labels`` is facet -> value -> label. Returns the number of documents."""
        self._documents.close()
        ids = [ident.encode() for ident in self._ids]
        by_id = np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int64)
        order = self._find_order(by_id)
        self._write_ids(ids, by_id, order)
        self._write_document_offsets(order)
        self._write_columns(order)
        facets = {facet: self._write_facet(facet, order, labels.get(facet, {})) for facet in self._kind.facets}
        averages = self._write_texts(order)
        self._arrays.close()
        info = SegmentInfo(len(order), averages.text, averages.fields, facets, self._arrays.entries)
        (self.directory / SEGMENT).write_bytes(msgspec.json.encode(info))
        return len(order)

    def abort(self) -> None:
        """Close all files; the caller removes the directory."""
        self._documents.close()
        if self._stored_hits is not None:
            self._stored_hits.abort()
        self._tokens.close()
        self._arrays.close()

    def _find_order(self, by_id: NDArray[np.int64]) -> NDArray[np.int64]:
        """The documents in the order of their numbers: newest first, undated last, ties by id."""
        published = _to_array(self._columns["published"])
        # "~" reverses the order as "-" does, but without overflow for NO_TIME, the lowest int64.
        return by_id[np.argsort(~published[by_id], kind="stable")]

    def _write_ids(self, ids: Sequence[bytes], by_id: NDArray[np.int64], order: NDArray[np.int64]) -> None:
        """Write the sorted ids, the document number of each id, and the index of each document's id among them."""
        numbers = _invert_permutation(order)
        save_strings(self._save, "ids", [ids[document] for document in by_id])
        self._save("id_docs", numbers[by_id])
        self._save("doc_ids", _invert_permutation(numbers[by_id]))

    def _write_document_offsets(self, order: NDArray[np.int64]) -> None:
        """Write start and size of each document in the file of documents, which keeps the order of arrival."""
        sizes = _to_array(self._document_sizes)
        self._save("document_starts", (np.cumsum(sizes) - sizes)[order])
        self._save("document_sizes", sizes[order])

    def _write_columns(self, order: NDArray[np.int64]) -> None:
        """Write the columns of numbers, and the rank of each document in each sort order."""
        published, updated, source_counts = (_to_array(column)[order] for column in self._columns.values())
        self._save("published", published)
        self._save("updated", updated)
        self._save("source_count", source_counts.astype(np.int32))
        oldest = np.where(published == NO_TIME, np.iinfo(np.int64).max, published)
        for name, key in (("oldest", oldest), ("updated", ~updated), ("sources", -source_counts)):
            self._save(f"rank_{name}", _invert_permutation(np.argsort(key, kind="stable")))

    def _write_facet(self, facet: str, order: NDArray[np.int64], labels: Mapping[str, str]) -> list[str]:
        """Write the codes of a facet, which number its values in ``label_order``; returns the values in this order."""
        known = self._values[facet]
        values = sorted(known, key=lambda value: label_order(value, labels))
        new_codes = np.empty(len(known), np.int32)
        new_codes[[known[value] for value in values]] = np.arange(len(known), dtype=np.int32)
        codes = new_codes[_to_array(self._codes[facet])]
        # Move the codes of each document to its new position.
        sizes = _to_array(self._code_counts[facet])
        starts, new_sizes = np.cumsum(sizes) - sizes, sizes[order]
        new_starts = np.cumsum(new_sizes) - new_sizes
        source = np.repeat(starts[order] - new_starts, new_sizes) + np.arange(len(codes))
        for name, column in make_facet_arrays(new_sizes, codes[source], len(known)).items():
            self._save(f"facet_{facet}_{name}", column)
        return values

    # --- texts ---------------------------------------------------------------------------------------------------

    def _write_texts(self, order: NDArray[np.int64]) -> AverageLengths:
        """Write the dictionaries, stored hits, postings and suggestions."""
        dictionary = write_dictionary(self._save, self._vocabulary)
        counts = np.array(self._token_counts, np.int32).reshape(len(order), len(self._kind.fields))
        tokens = self._tokens.read()
        if self._stored_hits is not None:
            self._stored_hits.finish(self._save, order, tokens, counts, self._vocabulary, dictionary.word_numbers)
        terms, lengths = self._drop_stop_words(tokens, counts)
        postings = PostingsWriter(self._save, self._kind.fields, order, terms, lengths, dictionary.term_numbers)
        doc_freqs = postings.write(norms=self._kind.stores_hits)
        if self._kind.suggests:
            write_suggestions(
                self._save, order, tokens, counts, list(self._vocabulary), dictionary.word_numbers,
                doc_freqs[dictionary.word_terms],
            )  # fmt: skip
        self._tokens.close()
        return postings.averages

    def _drop_stop_words(
        self, tokens: NDArray[np.int32], counts: NDArray[np.int32]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The terms of ``tokens`` without stop words, in a temporary file, and how many each field has.

        ``counts[d, f]``: the number of tokens in field f of document d.
        """
        path = self.directory / "terms.tmp"
        terms = np.memmap(path, np.int32, "w+", shape=(len(tokens) + 1,))
        path.unlink()
        lengths = np.empty_like(counts)
        word_terms = np.array(self._vocabulary.word_terms, np.int32)
        n = token_kernels.drop_stop_words(tokens, word_terms, counts, terms, lengths)
        return terms[:n], lengths


class _TokenFile:
    """A temporary file of int32 numbers: first all are appended, then all are read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = open(path, "wb")  # noqa: SIM115 - until close
        self._buffer = array.array("i")

    def extend(self, numbers: list[int]) -> None:
        self._buffer.fromlist(numbers)
        if len(self._buffer) >= _CHUNK:
            self._flush()

    def read(self) -> NDArray[np.int32]:
        """All numbers, mapped from the file."""
        self._flush()
        self._file.flush()
        # An empty file cannot be mapped.
        return np.memmap(self._path, np.int32, "r") if self._path.stat().st_size else np.empty(0, np.int32)

    def close(self) -> None:
        """Close and remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        self._buffer.tofile(self._file)
        del self._buffer[:]


def label_order(value: str, labels: Mapping[str, str]) -> tuple[str, str]:
    """The sort key of a facet value: by label without case, then by value."""
    return labels.get(value, value).casefold(), value


def _to_array(numbers: array.array[int]) -> NDArray[np.int64]:
    return np.array(numbers, np.dtype(numbers.typecode)).astype(np.int64)


def _invert_permutation(permutation: NDArray[np.integer]) -> NDArray[np.int32]:
    """The index of each number in a permutation of 0 … n - 1."""
    inverse = np.empty(len(permutation), np.int32)
    inverse[permutation] = np.arange(len(permutation), dtype=np.int32)
    return inverse
