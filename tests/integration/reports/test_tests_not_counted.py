"""Test alerts are in no kept count."""

import pytest
from flask import Flask

from tests.integration.review.nights import add_incident
from vigint_web.extensions import db
from vigint_web.models import CountedIncident
from vigint_web.services.reports.counts import count_again

pytestmark = pytest.mark.both_databases(reason="counts are kept in one transaction")


def test_only_the_incident_is_counted(app: Flask) -> None:
    real = add_incident("real", 5, 4).id
    add_incident("test", 5, 4, is_test=True)
    count_again(0)
    assert [row.incident_id for row in db.session.query(CountedIncident)] == [real]
