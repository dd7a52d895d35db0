"""The blueprint that the views of the review share."""

from flask import Blueprint

blueprint = Blueprint("review", __name__)
