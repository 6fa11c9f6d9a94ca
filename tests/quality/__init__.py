"""How good the order of answers is, on judged collections: `make quality` prints the table, floors are tests."""
