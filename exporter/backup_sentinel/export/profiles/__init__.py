"""One file per operator, in the language of `export.profile`; adding an operator is adding a file here.

In: nothing. Out: text, read by `export.profile.load`. Never here: code.
"""
