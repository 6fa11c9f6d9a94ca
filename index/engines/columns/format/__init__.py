"""The files of a generation: names and versions, arrays, sorted strings, facet columns."""
