"""The front of the house: a socket, connections, requests, and a door in front of every route.

In: an ASGI application. Out: answers over HTTP/1.1, plain or encrypted. Never here: what the answers say.

    listener     where to listen, and the URL people use
    server       the only place that knows uvicorn
    gate         clients are accepted and shake hands
    house        how many there may be
    connection   one client: whether it may come in, how much it may send
    clock        how long it may take
    limits       the numbers
    request      one request: how long its URL, its head and its body may be
    farewell     the end of an answer to a client that still sends
    identity     whether it is known who asks
    door         who may come in: the web-config file of prometheus/exporter-toolkit
"""

from .door import FrontDoor
from .identity import is_known
from .limits import Limits
from .listener import ListenError, address, bind
from .server import Observe, serve

__all__ = ["FrontDoor", "Limits", "ListenError", "Observe", "address", "bind", "is_known", "serve"]
