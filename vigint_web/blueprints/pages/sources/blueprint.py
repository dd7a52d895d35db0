"""The blueprint that the views of sources share."""

from flask import Blueprint

blueprint = Blueprint("sources", __name__, url_prefix="/source-management")
