"""The relay river: what Alertmanager sends is kept, and delivered until each channel has taken it.

    intake     web application: bytes of a request become a message, 200 once it is on disk
    outbox     the only room that knows SQLite: messages and one delivery per channel
    courier    has messages enriched, claims deliveries, has them rendered and sent; the only loop that tries again
    enrichers  one file per kind of knowledge that is added to a message
    channels   one file per kind of receiver, its settings are its factory
    rendering  sandboxed templates and what they see

In: webhook calls. Out: messages in channels. Never here: clusters, operators, and the export river.
"""
