"""The connection to a cluster: its address, its client, the time a request may take."""
