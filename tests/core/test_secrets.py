"""Passwords and keys are masked wherever they stand."""

import pytest

from nag.core.secrets import masked, masked_config

SECRET = "hunter2@x"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://me:{SECRET}@host:5432/nag",
        f"cannot open postgresql://me@host/nag?password={SECRET}&sslmode=require",
        f"'postgresql+psycopg://me:{SECRET}@host/nag' is out of reach",
        f"connection string: host=h user=u password={SECRET}",
    ],
)
def test_secrets_of_texts(text):
    assert SECRET not in masked(text)
    assert "***" in masked(text)


def test_secrets_of_configurations():
    config = {"store": f"postgresql://me:{SECRET}@h/n", "api_key": SECRET, "deep": [{"wandb_api_key": SECRET, "key": "kept"}]}
    text = str(masked_config(config))
    assert SECRET not in text
    assert "kept" in text


@pytest.mark.parametrize("text", ["tokens=512", "key: value", "https://host/a:b", "monkey=3", "sqlite:///a:b@c.db"])
def test_what_is_no_secret_stays(text):
    assert masked(text) == text
