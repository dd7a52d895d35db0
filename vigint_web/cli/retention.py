"""Show the retention in force, and decide about a pending shorter one, from the command line."""

import click

from vigint_web import create_app
from vigint_web.cli.up import migrate_database
from vigint_web.errors import Conflict, VigintError
from vigint_web.services.core.actors import command_line
from vigint_web.services.retention import camera_limits, changes
from vigint_web.services.retention.words import spell_days, spell_losses, spell_waiting
from vigint_web.services.videos.retention_dates import configured, in_force
from vigint_web.services.videos.retention_rules import Setting

_CHOICE = click.Choice([setting.value for setting in Setting])


@click.command()
@click.option("--confirm", "confirmed", type=_CHOICE, help="Bring a shorter one into force now.")
@click.option("--keep", "kept", type=_CHOICE, help="Keep the longer one that is in force.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def retention(confirmed: str | None, kept: str | None, yes: bool) -> None:
    """Show what is kept for how long, and what waits for a decision."""
    if confirmed and kept:
        raise VigintError("Give --confirm or --keep, not both.")
    app = create_app()
    with app.app_context():
        migrate_database(app)
        if confirmed:
            _confirm(Setting(confirmed), yes)
        if kept:
            _keep(Setting(kept))
        _show()


def _show() -> None:
    waiting = {one.setting: one for one in changes.find_waiting()}
    for setting in Setting:
        days, here = in_force(setting), configured(setting)
        click.echo(f"[Retention] {setting.value}: {spell_days(days)}")
        if here != days:
            click.echo(f"  The configuration here says {spell_days(here)}.")
        if setting in waiting:
            click.echo(f"  {spell_waiting(waiting[setting])}")
        elif here != days:
            click.echo("  The scheduler follows it within 30 seconds of its restart.")
    for camera in camera_limits.list_waiting(command_line()):
        click.echo(
            f"Camera {camera.name}: a shorter retention waits; decide on its page"
            f" (/cameras/{camera.id}/), else it takes effect after 24 hours."
        )
    for moving in changes.find_moving():
        click.echo(f"Dates that follow {moving.setting.value} so far: {moving.videos}.")


def _waiting(setting: Setting) -> changes.Waiting:
    for one in changes.find_waiting():
        if one.setting == setting:
            return one
    raise VigintError(
        f"Nothing waits for [Retention] {setting.value}: “./vigint retention” shows what is in"
        " force."
    )


def _confirm(setting: Setting, yes: bool) -> None:
    waiting = _waiting(setting)
    click.echo(spell_losses(waiting))
    if not yes:
        click.confirm("Delete earlier from now on? This cannot be undone.", abort=True)
    try:
        changes.confirm(command_line(), setting, waiting.proposal.days)
    except Conflict:
        raise VigintError(
            "Not confirmed: machines read different settings, or the configuration has changed."
            " “./vigint retention” shows what waits."
        ) from None


def _keep(setting: Setting) -> None:
    waiting = _waiting(setting)
    try:
        changes.decline(command_line(), setting, waiting.proposal.days)
    except Conflict:
        raise VigintError("The configuration has changed meanwhile; look again.") from None


COMMANDS = {"retention": retention}
