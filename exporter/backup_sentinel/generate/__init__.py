"""Artefacts made from their one source: rule bundles, tables of the documentation, and the like.

Functions from text to text; what reads and writes files is the command that calls them.
A test makes each artefact again and compares.
"""
