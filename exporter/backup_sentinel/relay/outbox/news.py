"""What was said about a group before, so that the same is not said twice.

Alertmanagers of one cluster send at least once, and both send when they do not hear each other in time
(Alertmanager, docs/high_availability.md). A message is a repetition where the newest thing said about each of its
alerts, by anybody, is the same (status and start) and was said within the window. So:

- The other one lags and knows fewer alerts of the group: a repetition. It knows more: news, and delivered.
- Firing, resolved, firing again, also with the same start, as after a Prometheus that was away: three pieces of news,
  because the newest thing said was another one each time.
- A reminder comes after `repeat_interval`, which is longer than the window: delivered, once.
- The sender did not get our answer and sends again: a repetition, and answered as a success.
- What a repetition repeats is on disk already, delivered or not; dropping it loses nothing.

The road not taken is a key over the whole message: a lagging peer then doubles every message.
"""

import msgspec

from backup_sentinel.relay.message import Message

Said = dict[str, tuple[str, str | None, float]]
"""By fingerprint of an alert: its status, its start, and when that was said."""

_TRUNCATED = ""
"""Fingerprint under which the number of alerts that were left out is kept."""
_decode = msgspec.msgpack.Decoder(Said).decode
_encode = msgspec.msgpack.Encoder().encode


def statements(message: Message) -> dict[str, tuple[str, str | None]]:
    """Return what a message says, by fingerprint."""
    said: dict[str, tuple[str, str | None]] = {
        alert.fingerprint: (alert.status.value, alert.starts_at) for alert in message.alerts
    }
    if message.truncated_alerts:
        said[_TRUNCATED] = (str(message.truncated_alerts), None)
    return said


def compare(known: bytes | None, message: Message, window: float) -> bytes | None:
    """Return what is known after a message; None where it says nothing new. `window` is in seconds."""
    now = message.received
    before = {
        fingerprint: entry
        for fingerprint, entry in (_decode(known) if known else {}).items()
        # An entry of the future is one of a clock that was set back; it proves nothing.
        if 0 <= now - entry[2] < window
    }
    fresh = statements(message)
    if all(before.get(fingerprint, ("",))[:2] == said for fingerprint, said in fresh.items()):
        return None
    before.update({fingerprint: (*said, now) for fingerprint, said in fresh.items()})
    return _encode(before)
