"""The commands of the command line, one file each: `add` declares its arguments, `run` carries it out.

A command is added here, as one file, and nowhere else: `cli` finds it by its name.
"""
