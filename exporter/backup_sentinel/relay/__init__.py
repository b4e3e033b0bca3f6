"""The relay river: what Alertmanager sends is kept, and delivered until each channel has taken it.

    intake     web application: bytes of a request become a message, 200 once it is on disk
    outbox     the only room that knows SQLite: messages and one delivery per channel
    courier    has messages enriched, claims deliveries, has them rendered and sent; the only loop that tries again
    enrichers  one file per kind of knowledge that is added to a message
    backups    what is known of the backup an alert is about, in the words of the exporter's API
    velero     the results file that only Velero's object storage has
    channels   one file per kind of receiver, its settings are its factory
    rendering  sandboxed templates and what they see, findings of enrichers included
    reach      the only door to clusters

In: webhook calls. Out: messages in channels. Never here: what fields and phases of operators mean, and the export river.
"""
