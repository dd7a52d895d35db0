"""Merge the checkout's `.env` into the environment, once, at the entry points."""

from pathlib import Path

from dotenv import load_dotenv

ROOT = Path(__file__).resolve().parents[2]


def load_environment() -> None:
    """Add the variables of `.env` to the environment; existing ones take precedence."""
    load_dotenv(ROOT / ".env", override=False)
