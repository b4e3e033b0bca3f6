"""The export river: objects of clusters become records, state, samples and bytes for Prometheus.

Stages do not know their neighbours; only `pipeline` joins them. Nothing here knows of alerts being delivered.
"""
