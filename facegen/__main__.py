"""python -m facegen"""

import sys

from .cli import main

sys.exit(main())
