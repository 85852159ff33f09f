"""`python -m trading.simulator`: needs no Django settings, database or Redis."""

import sys

from trading.simulator.cli import main

sys.exit(main())
