"""The blueprint that the views of the home page share."""

from flask import Blueprint

blueprint = Blueprint("dashboard", __name__)
