"""Sources: receiving, list, status, edit, tokens, retry, delete."""

from vigint_web.blueprints.pages.sources import bulk, editing, lists, receiving, tokens, views
from vigint_web.blueprints.pages.sources.blueprint import blueprint

__all__ = ["blueprint", "bulk", "editing", "lists", "receiving", "tokens", "views"]
