"""List confidential incidents, and name a further reader of one, from the command line."""

import click

from vigint_web import create_app
from vigint_web.cli.up import migrate_database
from vigint_web.errors import CommandRefused, Invalid, NotFound
from vigint_web.services.accounts.users import normalise_email
from vigint_web.services.core.actors import command_line
from vigint_web.services.review import confidentiality


@click.command()
@click.argument("reference", required=False)
@click.option("--name", "email", help="The address of a user who may see the incident from now on.")
def confidential(reference: str | None, email: str | None) -> None:
    """List confidential incidents with their readers, or name one more reader.

    For an incident whose readers have all left: in the dashboard only they find it.
    """
    if (reference is None) != (email is None):
        raise CommandRefused("Give a reference together with --name ADDRESS, or neither.")
    app = create_app()
    with app.app_context():
        migrate_database(app)
        if reference is not None and email is not None:
            _name(reference.strip(), normalise_email(email))
        _show()


def _name(reference: str, email: str) -> None:
    try:
        confidentiality.name_reader(command_line(), reference, email)
    except NotFound:
        raise CommandRefused(f"There is no incident {reference}.") from None
    except Invalid as error:
        raise CommandRefused(
            f"{reference} is not confidential, or its site is not granted to an active user"
            f" {email} who, alone or with the other readers, may manage incidents."
        ) from error


def _show() -> None:
    found = confidentiality.every_confidential_incident()
    if not found:
        click.echo("No incident is confidential.")
    for incident, restriction in found:
        names = ", ".join(user.email for user in restriction.readers if user.active)
        click.echo(f"{incident.reference}: {names or 'no active reader; name one with --name'}")


COMMANDS = {"confidential": confidential}
