"""NATS with JetStream: a message counts as delivered when a stream has acknowledged that it is stored.

    settings   what is configured
    channel    a delivery becomes a message, and is published
    identity   who we are to the server
    session    the connection, and the attempts that wait for an acknowledgement
    refusal    what errors mean to an operator

`Nats-Msg-Id` is the delivery's id. A stream forgets ids after its `duplicate_window`, two minutes unless set: a message
whose acknowledgement was lost, and which is sent again later than that, is stored twice, under the same id. Whoever must
not see it twice sets the window to the channel's `longest_retry_seconds` and more, or compares ids.

Only `settings` is imported where nobody configures such a channel: the rest needs the package nats-py.
"""

from .settings import NatsSettings

__all__ = ["NatsSettings"]
