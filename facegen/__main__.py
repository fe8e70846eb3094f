"""python -m facegen"""

import sys

from . import process
from .cli.main import main

process.settle()
sys.exit(main())
