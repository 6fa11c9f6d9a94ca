"""How a generation lies on disk: file names and versions, arrays, sorted strings, facet columns."""
