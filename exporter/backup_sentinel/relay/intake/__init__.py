"""Requests become messages: who may send, what a body must hold, and 200 once it is on disk.

    payload   bytes of a body become a message, or a sentence that says why not
    users     who may send
    site      routes: POST /alertmanager and /alert, /metrics, /-/healthy, /-/ready
    letters   routes: POST /api/v1/deadletters/replay and /purge

In: requests. Out: messages in the outbox. Never here: what becomes of them.
"""

from .payload import PayloadError, read
from .site import Site
from .users import Users

__all__ = ["PayloadError", "Site", "Users", "read"]
