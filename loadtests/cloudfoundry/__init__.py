"""The stack on Cloud Foundry: a client of its v3 API, and what is built on it."""
