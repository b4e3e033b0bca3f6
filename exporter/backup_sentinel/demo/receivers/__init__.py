"""What stands around a relay in the demo: alerts that come in, and a mail box and a chat room that they arrive in.

    alerts         from what the exporter says of its schedules to the alerts that Prometheus would raise
    sender         hands alerts to the relay, itself or through a real Alertmanager
    alertmanager   a real Alertmanager, where one is installed
    mail           an SMTP server that puts each mail into a Maildir
    chat           the HTTP endpoint of a chat service that takes bodies in the form of Slack
    inbox          both as one page in a browser

Nobody but this machine can reach any of it. Never here: code of the relay; it is the real one.
"""

from .alertmanager import Alertmanager, installed
from .alerts import find_alerts
from .chat import PATH as CHAT
from .inbox import Inbox
from .sender import Direct, Sender

__all__ = ["CHAT", "Alertmanager", "Direct", "Inbox", "Sender", "find_alerts", "installed"]
