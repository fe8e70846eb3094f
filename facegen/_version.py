"""The version, for whoever has to name it without loading the project."""

__version__ = "0.2.0"
