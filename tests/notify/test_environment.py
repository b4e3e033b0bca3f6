"""The variables of a Kasten alerter: what they mean, and what is said of those that are wrong."""

from __future__ import annotations

import pytest

from backup_sentinel.fleet.error import SettingError
from backup_sentinel.notify.channels import channels
from backup_sentinel.notify.environment import lookback, mail
from backup_sentinel.notify.settings import NotifySettings
from backup_sentinel.relay.channels.email import EmailSettings
from backup_sentinel.relay.channels.log import LogSettings
from backup_sentinel.secret import reveal

GIVEN = {"SMTP_HOST": "mail.example.org", "ALERT_FROM": "a@example.org", "ALERT_TO": "ops@example.org"}
PASSWORD = "fake-mail-password"


def settings(**more: str) -> EmailSettings:
    found = mail({**GIVEN, **more})
    assert isinstance(found, EmailSettings)
    return found


def test_without_a_server_there_is_no_channel() -> None:
    assert mail({}) is None
    assert mail({"SMTP_HOST": " ", "ALERT_TO": "", "SMTP_USER": "me"}) is None


@pytest.mark.parametrize("name", ["ALERT_FROM", "ALERT_TO"])
def test_who_is_to_be_told_without_a_server_is_an_error(name: str) -> None:
    with pytest.raises(SettingError, match=f"SMTP_HOST: is missing, but {name} is set"):
        mail({name: GIVEN[name]})


def test_what_is_not_given_has_the_defaults_of_submission() -> None:
    found = settings()
    assert (found.name, found.host, found.port, found.encryption) == (
        "mail",
        "mail.example.org",
        587,
        "starttls",
    )
    assert (found.from_, found.to, found.subject_prefix) == ("a@example.org", ("ops@example.org",), "")
    assert (found.username, found.password) == (None, None)


def test_all_that_may_be_given() -> None:
    found = settings(
        SMTP_PORT="2525",
        SMTP_USER="me",
        SMTP_PASSWORD=PASSWORD,
        ALERT_TO=" ops@example.org , On Call <oncall@example.org>,",
        ALERT_SUBJECT_PREFIX="[K10]",
    )
    assert (found.port, found.encryption, found.username) == (2525, "starttls", "me")
    assert found.password is not None
    assert reveal(found.password) == PASSWORD
    assert PASSWORD not in repr(found)
    assert found.to == ("ops@example.org", "On Call <oncall@example.org>")
    assert found.subject_prefix == "[K10] "


def test_port_465_means_tls_from_the_start() -> None:
    assert settings(SMTP_PORT="465").encryption == "tls"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"ALERT_FROM": ""}, "ALERT_FROM: is missing, but SMTP_HOST is set"),
        ({"ALERT_TO": ""}, "ALERT_TO: is missing, but SMTP_HOST is set"),
        ({"ALERT_TO": ", ,"}, "ALERT_TO: holds no address"),
        ({"ALERT_TO": "nobody"}, "'nobody' is no mail address"),
        ({"SMTP_USER": "me"}, "SMTP_PASSWORD: is missing, but SMTP_USER is set"),
        ({"SMTP_PASSWORD": PASSWORD}, "SMTP_USER: is missing, but SMTP_PASSWORD is set"),
        ({"SMTP_PORT": "smtp"}, "'smtp' is no port"),
        ({"SMTP_PORT": "70000"}, "'70000' is no port"),
        ({"SMTP_PORT": "²"}, "'²' is no port"),
        (
            {"SMTP_HOST": "mail.example.org:25"},
            "SMTP_HOST: 'mail.example.org:25' is no name or address of a host",
        ),
        ({"SMTP_HOST": "smtp://mail.example.org"}, "is no name or address of a host"),
        ({"SMTP_HOST": "mail example"}, "is no name or address of a host"),
    ],
)
def test_what_is_wrong_is_said_with_the_variable(more: dict[str, str], error: str) -> None:
    with pytest.raises(SettingError) as told:
        settings(**more)
    assert error in str(told.value)
    assert PASSWORD not in str(told.value)


@pytest.mark.parametrize(
    ("text", "found"), [("", None), ("2", "7200s"), ("0.5", "1800s"), (" 24 ", "86400s")]
)
def test_hours_to_look_back(text: str, found: str | None) -> None:
    assert lookback({"LOOKBACK_HOURS": text}) == found
    assert lookback({}) is None


@pytest.mark.parametrize("text", ["two", "0", "-1", "nan", "inf", "1e9", "2h", "0.0001", "1_0", "٢"])
def test_hours_that_are_none(text: str) -> None:
    with pytest.raises(SettingError, match="LOOKBACK_HOURS"):
        lookback({"LOOKBACK_HOURS": text})


@pytest.mark.parametrize("host", ["192.0.2.25", "2001:db8::25", "mail_1.example.org", "mail.example.org."])
def test_hosts(host: str) -> None:
    assert settings(SMTP_HOST=host).host == host


class TestChannels:
    def test_where_nobody_would_be_told_is_an_error(self) -> None:
        with pytest.raises(SettingError, match="nobody would be told"):
            channels(NotifySettings(), (), {})

    def test_the_variables_add_a_channel(self) -> None:
        found = channels(NotifySettings(), (LogSettings(name="log"),), GIVEN)
        assert [one.name for one in found] == ["log", "mail"]

    def test_a_channel_of_the_same_name_in_the_configuration_wins(self) -> None:
        found = channels(NotifySettings(), (LogSettings(name="mail"),), GIVEN)
        assert [type(one) for one in found] == [LogSettings]

    def test_a_mail_is_a_digest_unless_it_has_texts_of_its_own(self) -> None:
        own = settings(ALERT_TO="own@example.org")
        [plain, partly] = [
            own,
            EmailSettings(name="x", host="h", from_="a@b", to=("c@d",), subject="mine", html=""),
        ]
        [made, kept] = channels(NotifySettings(), (plain, partly), {})
        assert isinstance(made, EmailSettings)
        assert isinstance(kept, EmailSettings)
        assert made.subject is not None
        assert "Backups:" in made.subject
        assert made.html is not None
        assert (kept.subject, kept.html) == ("mine", "")
        assert kept.text == made.text

    def test_without_digests_a_mail_is_as_the_relay_writes_it(self) -> None:
        [found] = channels(NotifySettings(digest=()), (settings(),), {})
        assert found == settings()
