"""Manage people, keys and the audit trail from a shell."""

import sys

import click
from flask_babel import force_locale

from vigint_web import create_app
from vigint_web.cli.up import migrate_database
from vigint_web.errors import VigintError
from vigint_web.models import Role, Scope
from vigint_web.services import api_keys, audit, sites, two_factor, users
from vigint_web.services.actors import command_line


def _password(from_stdin: bool) -> tuple[str, bool]:
    """Return a password, and whether it was made here and has to be told."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    return users.generate_password(), True


@click.command("create-user")
@click.argument("email")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create_user(email: str, role: str, password_stdin: bool) -> None:
    """Create a person who can log in."""
    password, told = _password(password_stdin)
    app = create_app()
    with app.app_context():
        migrate_database(app)
        with force_locale("en"):  # what is wrong with it is said as all else here
            users.create_user(command_line(), email, password, Role(role))
    click.echo(f"{users.normalise_email(email)} is {role} now.", err=True)
    if told:
        click.echo(f"Password, shown this once: {password}")


@click.command("reset-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def reset_password(email: str, password_stdin: bool) -> None:
    """Give a person a new password; their sessions end."""
    password, told = _password(password_stdin)
    app = create_app()
    with app.app_context():
        migrate_database(app)
        with force_locale("en"):  # what is wrong with it is said as all else here
            users.set_password(command_line(), email, password)
    click.echo(f"{users.normalise_email(email)} has a new password.", err=True)
    if told:
        click.echo(f"Password, shown this once: {password}")


@click.command("reset-two-factor")
@click.argument("email")
def reset_two_factor(email: str) -> None:
    """Take away the second factor of somebody who lost it; their sessions end."""
    app = create_app()
    with app.app_context():
        migrate_database(app)
        two_factor.remove(command_line(), users.normalise_email(email))
    click.echo(f"{users.normalise_email(email)} logs in with the password alone now.", err=True)


@click.command("create-api-key")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What the key may do; several are possible. Default: ingest and host.",
)
@click.option("--days", type=click.IntRange(1, 3650), help="How long it works; default: no end.")
@click.option("--site", help="The site it belongs to, by its short name; made if it is new.")
def create_api_key(name: str, scopes: tuple[str, ...], days: int | None, site: str | None) -> None:
    """Create a key for a program and print it, alone, once."""
    wanted = {Scope(scope) for scope in scopes} or {Scope.INGEST, Scope.HOST}
    app = create_app()
    with app.app_context():
        migrate_database(app)
        owner = sites.get_or_add_site(site) if site else sites.default_site()
        key = api_keys.create_api_key(command_line(), name, owner, wanted, days=days)
    click.echo(key)


@click.command("verify-audit")
def verify_audit() -> None:
    """Check that nobody changed the audit trail since it was written."""
    app = create_app()
    with app.app_context():
        migrate_database(app)
        broken = audit.first_broken_event()
    if broken is not None:
        raise VigintError(f"The audit trail was tampered with: event {broken} does not follow.")
    click.echo("The audit trail is whole: every event follows from the one before.")


COMMANDS = {
    "create-user": create_user,
    "reset-password": reset_password,
    "reset-two-factor": reset_two_factor,
    "create-api-key": create_api_key,
    "verify-audit": verify_audit,
}
