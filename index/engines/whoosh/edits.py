"""How many edits are between two words, by the textbook."""

from __future__ import annotations


def count_edits(one: str, other: str) -> int:
    """The optimal string alignment distance: insertions, deletions, other characters, and neighbours the other way
    round count one each, and no place is edited twice."""
    rows = [list(range(len(other) + 1))]
    for i, character in enumerate(one, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            edits = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (character != wanted))
            if i > 1 and j > 1 and character == other[j - 2] and one[i - 2] == wanted:
                edits = min(edits, rows[i - 2][j - 2] + 1)
            row.append(edits)
        rows.append(row)
    return rows[-1][-1]
