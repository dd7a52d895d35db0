"""Manage people, keys and the audit trail from the command line."""

import sys

import click
from flask_babel import force_locale

from vigint_web import create_app
from vigint_web.cli.up import migrate_database
from vigint_web.errors import CommandRefused
from vigint_web.models import Role, Scope, Site
from vigint_web.services.accounts import api_keys, sites, two_factor, users
from vigint_web.services.audit import verification
from vigint_web.services.core.actors import command_line


def _password(from_stdin: bool) -> tuple[str, bool]:
    """Return a password, and whether it was generated here and must be printed."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n"), False
    return users.generate_password(), True


@click.command("create-user")
@click.argument("email")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    required=True,
    help="What the user may do.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def create_user(email: str, role: str, password_stdin: bool) -> None:
    """Create a user who can log in."""
    password, generated = _password(password_stdin)
    app = create_app()
    with app.app_context():
        migrate_database(app)
        with force_locale("en"):  # errors are printed in English, like all other output
            users.create_user(command_line(), email, password, Role(role))
    click.echo(f"{users.normalise_email(email)} is {role} now.", err=True)
    if generated:
        click.echo(f"Password, shown this once: {password}")


@click.command("reset-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def reset_password(email: str, password_stdin: bool) -> None:
    """Set a new password for a user; their sessions end."""
    password, generated = _password(password_stdin)
    app = create_app()
    with app.app_context():
        migrate_database(app)
        with force_locale("en"):  # errors are printed in English, like all other output
            users.set_password(command_line(), email, password)
    click.echo(f"{users.normalise_email(email)} has a new password.", err=True)
    if generated:
        click.echo(f"Password, shown this once: {password}")


@click.command("reset-two-factor")
@click.argument("email")
def reset_two_factor(email: str) -> None:
    """Remove a user's lost second factor; their sessions end."""
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
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires. Default: never.")
@click.option("--site", help="Short name of its site. Default: the first site.")
@click.option("--create-site", is_flag=True, help="Add the site of --site if it does not exist.")
def create_api_key(
    name: str, scopes: tuple[str, ...], days: int | None, site: str | None, create_site: bool
) -> None:
    """Create a key for a program and print it, alone, once."""
    if create_site and not site:
        raise CommandRefused("--create-site adds the site that --site names: add --site NAME.")
    wanted = {Scope(scope) for scope in scopes} or {Scope.INGEST, Scope.HOST}
    app = create_app()
    with app.app_context():
        migrate_database(app)
        owner = _site(site, create_site) if site else sites.default_site()
        key = api_keys.create_api_key(command_line(), name, owner, wanted, days=days)
    click.echo(key)


def _site(name: str, create: bool) -> Site:
    try:
        return sites.named_site(command_line(), name)
    except sites.UnknownSite as unknown:
        if create:
            return sites.add_site(command_line(), name.strip())
        there = ", ".join(unknown.known) or "none yet"
        raise CommandRefused(
            f"There is no site {unknown.wanted!r}. The sites are: {there}."
            " Name one of them, or add --create-site."
        ) from None


@click.command("verify-audit")
@click.option(
    "--expect-count",
    type=click.IntRange(min=0),
    help="A number of events that was printed earlier; needs --expect-head.",
)
@click.option("--expect-head", help="The hash that was printed with it.")
def verify_audit(expect_count: int | None, expect_head: str | None) -> None:
    """Check the audit trail; print its count and head hash, to be noted elsewhere."""
    if (expect_count is None) != (expect_head is None):
        raise click.UsageError("--expect-count and --expect-head go together.")
    noted = None
    if expect_count is not None and expect_head is not None:
        noted = verification.Head(expect_count, expect_head.strip().lower())
    app = create_app()
    with app.app_context():
        migrate_database(app)
        report = verification.check_trail(noted)
    if report.findings:
        raise CommandRefused("\n".join(report.findings))
    click.echo(
        "The audit trail is whole: every event follows from the one before.\n"
        f"Events: {report.head.count}\n"
        f"Head: {report.head.hash}\n"
        "Note both elsewhere. A later check with --expect-count and --expect-head shows whether"
        " events were removed or rewritten since."
    )


COMMANDS = {
    "create-user": create_user,
    "reset-password": reset_password,
    "reset-two-factor": reset_two_factor,
    "create-api-key": create_api_key,
    "verify-audit": verify_audit,
}
