"""Who may come in: the web-config file of prometheus/exporter-toolkit, which every Prometheus exporter takes.

In: the path of the file. Out: a TLS context for each connection, and a guard around every route.

    settings    the keys of the file
    file        the file becomes rules; every complaint points at line and column
    veil        such complaints without the secrets of the line they point at
    watch       which files the rules were read from, and whether they changed
    dialect     what Go's YAML reader takes otherwise
    material    certificates and keys
    context     rules of TLS as Python's ssl can express them
    suites      Go's names of ciphers, curves and versions
    names       the names in a client's certificate
    users       verdicts about passwords
    rate        the token bucket
    front       the rules in force, read anew while the process runs
    guard       what stands before the application
"""

from .file import Rules
from .front import FrontDoor
from .guard import Guard
from .names import permits

__all__ = ["FrontDoor", "Guard", "Rules", "permits"]
