"""Which clusters are there? Configuration, environment and labelled Secrets in, the wanted set out.

`environment` reads variables, `secrets` watches labelled Secrets (`labelled` decodes them, `kubeconfig` makes the
kubeconfigs in them safe to load), `precedence` decides about names that are taken, `fleet` merges it all and tells when
the set changes, `shard` leaves each process its part. Nothing here connects to the clusters themselves.
"""

from . import environment
from .error import SettingError
from .fleet import Fleet
from .secrets import LABEL, SecretSource
from .shard import Shard

__all__ = ["LABEL", "Fleet", "SecretSource", "SettingError", "Shard", "environment"]
