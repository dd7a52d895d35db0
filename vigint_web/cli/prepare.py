"""Prepare a checkout for a service user without write access to it."""

import compileall
import sys

import click

from vigint_web.cli.preflight import StartError
from vigint_web.config.environment import ROOT
from vigint_web.i18n.catalogs import compile_catalogs


@click.command()
def prepare() -> None:
    """Compile translations and modules, so that Vigint can run from a folder it cannot write to."""
    packages = [ROOT / "vigint_web", ROOT / "vigint_client"]
    catalogs = ROOT / "vigint_web" / "translations"
    compile_catalogs(catalogs)
    compiled = [compileall.compile_dir(package, quiet=2) for package in packages]
    sources = list(catalogs.glob("*/LC_MESSAGES/*.po"))
    if not all(compiled) or not all(source.with_suffix(".mo").exists() for source in sources):
        raise StartError(f"{ROOT} cannot be written: run this as its owner (sudo).")
    click.echo(f"Prepared {ROOT} for Python {sys.version_info[0]}.{sys.version_info[1]}.")


COMMANDS = {"prepare": prepare}
