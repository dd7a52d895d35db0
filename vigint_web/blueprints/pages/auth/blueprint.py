"""The blueprint of this package's views."""

from flask import Blueprint

blueprint = Blueprint("auth", __name__)
