"""What a stack is made of on a foundation, as Pulumi's dynamic resources on our client of the v3 API."""

from resources.app import App
from resources.route import Route
from resources.service import Service
from resources.token import Token

__all__ = ["App", "Route", "Service", "Token"]
