"""`python -m backup_sentinel` is the same as the command `backup-sentinel`."""

from .cli import main

raise SystemExit(main())
