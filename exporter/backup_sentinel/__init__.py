"""Backup Sentinel tells whether the backups of Kubernetes clusters worked, all of them, and if not, why.

Two rivers that meet only in the wiring (`app`):

    export:  API server --bytes--> kube --objects--> profile --records--> store --samples--> exposition
    relay:   Alertmanager --bytes--> intake --message--> outbox --claim--> enrich --> render --> channels

`model` holds the nouns that both share, `kube` the access to clusters.
"""

__version__ = "0.1.0"
