"""Why a backup failed, read from the text an operator left: a reason from a closed list, and the text without secrets.

In: text. Out: `FailureReason`s and text that may be shown. Never here: requests, and what an operator's objects look like.
"""
