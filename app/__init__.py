"""What is deployed. `pyproject.toml` reads the version here, as the app does: `cf push` installs no package to ask."""

__version__ = "0.1.0"
