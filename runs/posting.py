"""Posting: a message of an outbox as one HTTP request."""

import urllib3

from runs.outbox import Post

__all__ = ["http_post"]


def http_post(url: str) -> Post:
    """Posts messages to a URL."""
    pool = urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=10), retries=False)

    def post(content_type: str, body: bytes) -> int:
        try:
            return pool.request("POST", url, body=body, headers={"Content-Type": content_type}).status
        except urllib3.exceptions.HTTPError as error:
            raise OSError(str(error)) from error

    return post
