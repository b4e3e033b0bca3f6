"""Simulated clusters behind a real HTTP list/watch API, and the stories that are played on them.

Here live the API server, its scripted faults, the story engine and the makers of objects, one file per operator.
Never here: code that reads, judges or serves backups; the demo is watched by the real exporter through HTTP.
"""
