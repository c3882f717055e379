"""The version of this program, in one place."""

__version__ = "0.1.0"
GUIDE_VERSION = "0.8.0"
SCHEMA_VERSION = 1
"""Of every JSON answer of the command line and the API; raised when a field changes meaning or goes away."""
