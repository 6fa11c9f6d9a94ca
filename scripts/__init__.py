"""The command line and the client that scripts use."""
