"""Rotate the key that signs links and sessions, from the command line on the server."""

import os
import secrets
from pathlib import Path

import click

from vigint_web import create_app
from vigint_web.cli.up import migrate_database
from vigint_web.config.config import Config, secret_key_path
from vigint_web.crypto.tokens import key_id, new_token
from vigint_web.errors import CommandRefused
from vigint_web.services.accounts import two_factor
from vigint_web.services.core.actors import command_line
from vigint_web.services.core.runtime import config
from vigint_web.services.links import key_rotation

_GIVEN = ("VIGINT_SECRET_KEY", "VIGINT_SECRET_KEY_FILE")


@click.command("rotate-signing-key")
@click.option(
    "--forget-old",
    is_flag=True,
    help="Revoke every link that an older key signed, and forget those keys.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def rotate_signing_key(forget_old: bool, yes: bool) -> None:
    """Sign new links with a new key; existing links stay valid unless --forget-old is given."""
    app = create_app()
    with app.app_context():
        migrate_database(app)
        if forget_old:
            _forget(config(), yes)
        else:
            _rotate(config())


def _rotate(settings: Config) -> None:
    key_rotation.name_signing_keys()
    fresh = new_token(48)
    going_on = key_rotation.count_open_links(signed_by_newest=True) + key_rotation.count_open_links(
        signed_by_newest=False
    )
    if _is_given():
        click.echo("The key comes from the environment. On every machine of this installation,")
        click.echo("add the present value of VIGINT_SECRET_KEY to VIGINT_OLD_SECRET_KEYS, then set")
        click.echo(f"VIGINT_SECRET_KEY={fresh}")
        click.echo("and restart Vigint. The key is shown this once.")
    else:
        _write(secret_key_path(settings.data_dir), (fresh, *settings.key_ring))
        click.echo("Restart Vigint, and copy the file secret-key to its other machines, if any.")
    key_rotation.record_rotation(command_line(), key_id(fresh))
    click.echo(f"After that new links are signed with key {key_id(fresh)}.")
    click.echo(f"Open links signed before, which go on: {going_on}.")


def _forget(settings: Config, yes: bool) -> None:
    if not settings.old_secret_keys:
        raise CommandRefused("There is no older key: nothing to forget.")
    ending = key_rotation.count_open_links(signed_by_newest=False)
    click.echo(f"Open links signed with an older key, which end now: {ending}.")
    if not yes:
        click.confirm("Revoke them and forget the older keys? This cannot be undone.", abort=True)
    two_factor.reseal_secrets()
    done = key_rotation.revoke_links_of_old_keys(command_line())
    path = secret_key_path(settings.data_dir)
    if _is_given():
        click.echo("Remove VIGINT_OLD_SECRET_KEYS on every machine, and restart Vigint.")
    else:
        _write(path, (settings.secret_key,))
        click.echo("Restart Vigint, and copy the file secret-key to its other machines, if any.")
    click.echo(f"{done} links revoked. Who logged in before the rotation logs in again.")


def _is_given() -> bool:
    return any(os.environ.get(name) for name in _GIVEN)


def _write(path: Path, keys: tuple[str, ...]) -> None:
    """Replace the file atomically: readers see the old keys or the new ones, never a mixture."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("\n".join(keys))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


COMMANDS = {"rotate-signing-key": rotate_signing_key}
