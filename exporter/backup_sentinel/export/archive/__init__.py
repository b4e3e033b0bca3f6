"""Where the memory of the store is kept between two lives of the process: ConfigMaps in a cluster, files elsewhere.

Documents of the store go in and come out. What they mean is the store's business.
"""

from .configmaps import ConfigMaps
from .folder import Folder
from .keeper import Archive, Keeper
from .settings import StateSettings, open_archive

__all__ = ["Archive", "ConfigMaps", "Folder", "Keeper", "StateSettings", "open_archive"]
