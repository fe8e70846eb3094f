"""The version, readable without loading the project."""

__version__ = "0.3.0"
