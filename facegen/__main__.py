"""python -m facegen"""

import sys

from . import process
from .cli import main

process.settle()
sys.exit(main())
