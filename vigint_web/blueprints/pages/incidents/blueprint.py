"""The blueprint that the views of incidents share."""

from flask import Blueprint

blueprint = Blueprint("incidents", __name__, url_prefix="/incidents")
