"""The exporter's pages: metrics for Prometheus, health for the kubelet, a status page for people, JSON for programs.

The store and the renderer come in, answers go out. No rule about backups lives here.
"""

from .app import Post, Site

__all__ = ["Post", "Site"]
