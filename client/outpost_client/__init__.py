"""A typed client for the HTTP API of Outpost.

client = Client("http://127.0.0.1:8000")
for hit in client.search("open source", topic="ai"):
    print(hit["title"])
"""

from outpost_client.client import Client
from outpost_client.errors import ApiError, ClientError, ConnectionFailed, NotFoundError

__all__ = ["ApiError", "Client", "ClientError", "ConnectionFailed", "NotFoundError"]
