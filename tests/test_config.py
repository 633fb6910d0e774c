"""Settings and where they come from."""

import dataclasses
import json
from pathlib import Path

import pytest

from app.config import Settings, load_settings
from app.errors import ConfigError


def load(
    tmp_path: Path, toml: str | bytes = "", environment: dict[str, str] | None = None, **flags: object
) -> Settings:
    file = tmp_path / "youju.toml"
    file.write_bytes(toml.encode() if isinstance(toml, str) else toml)
    return load_settings(flags, environment or {}, file)


def complaint(tmp_path: Path, toml: str | bytes = "", environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, toml, environment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_any_source_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings({}, {}, tmp_path / "absent.toml") == Settings()


def test_a_flag_beats_the_environment_and_that_the_file(tmp_path: Path) -> None:
    toml = 'port = 1\npassages = 1\nhost = "0.0.0.0"'
    environment = {"YOUJU_PORT": "2", "YOUJU_PASSAGES": "2", "PATH": "/bin", "HOST": "x"}
    settings = load(tmp_path, toml, environment, port=3, passages=None)
    assert (settings.host, settings.passages, settings.port) == ("0.0.0.0", 2, 3)


def test_every_setting_can_be_set_in_the_file_and_in_the_environment(tmp_path: Path) -> None:
    other = {str: "别处", int: 1, float: 0.25}
    values = {name: other[type(default)] for name, default in dataclasses.asdict(Settings()).items()} | {
        "answerer": "llm",
        "index_url": "milvus://别处.db",
        "allowed_origins": "https://www.example.gov.cn",
        "trusted_proxies": "127.0.0.1",
        "root_path": "/qa",
        "secret": "a secret of the test, long enough",
        "api_keys": "a-key-of-the-test-1234",
        "llm": "",
        "llm_url": "http://别处/v1",
    }
    toml = "\n".join(f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    environment = {f"YOUJU_{name.upper()}": str(value) for name, value in values.items()}
    assert dataclasses.asdict(load(tmp_path, toml)) == values
    assert dataclasses.asdict(load(tmp_path, "", environment)) == values


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    settings = load(tmp_path, "max_file_mb = 3\ndense_weight = 1")
    assert (settings.max_file_mb, type(settings.max_file_mb), settings.dense_weight) == (3.0, float, 1.0)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("prot = 1", "unknown setting 'prot' in youju.toml; did you mean port?"),
        ("zzzz = 1", "unknown setting 'zzzz' in youju.toml; known are: corpus, index, index_url, encoder"),
        ("[server]\nport = 1", "unknown setting 'server' in youju.toml"),
        ("port = 7860.5", "setting port in youju.toml is 7860.5; it must be a whole number"),
        ('port = "many"', "setting port in youju.toml is 'many'; it must be a whole number"),
        ("port = true", "setting port in youju.toml is True; it must be a whole number"),
        ("encoder = 5", "setting encoder in youju.toml is 5; it must be text"),
        ("host = []", "setting host in youju.toml is []; it must be text"),
        ('dense_weight = "half"', "setting dense_weight in youju.toml is 'half'; it must be a number"),
        ("port = ", "is not valid TOML"),
        (b"host = '\xff'", "is not valid TOML"),
    ],
)
def test_a_wrong_line_of_the_file_is_named(tmp_path: Path, toml: str | bytes, message: str) -> None:
    assert message in complaint(tmp_path, toml)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("YOUJU_PROT", "1", "unknown setting 'prot' in environment variable YOUJU_PROT; did you mean port?"),
        ("YOUJU_", "1", "unknown setting '' in environment variable YOUJU_"),
        ("YOUJU_PORT", "", "setting port in YOUJU_PORT is ''; it must be a whole number"),
        ("YOUJU_PORT", "7860.0", "setting port in YOUJU_PORT is '7860.0'; it must be a whole number"),
        ("YOUJU_INDEX", " ", "setting index is ' '; it must be not empty"),
        ("YOUJU_ENCODER", "", "setting encoder is ''; it must be not empty"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, variable: str, value: str, message: str) -> None:
    assert message in complaint(tmp_path, "", {variable: value})


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("dense_weight", 1.01, "setting dense_weight is 1.01; it must be a number from 0 to 1"),
        ("dense_weight", float("nan"), "setting dense_weight is nan; it must be a number from 0 to 1"),
        ("passages", 0, "setting passages is 0; it must be 1 or more"),
        ("max_question_chars", 0, "setting max_question_chars is 0; it must be 1 or more"),
        ("max_file_mb", 0.0, "setting max_file_mb is 0.0; it must be more than 0"),
        ("threads", -1, "setting threads is -1; it must be 0 or more"),
        ("port", 65536, "setting port is 65536; it must be from 0 to 65535"),
        ("port", -1, "setting port is -1; it must be from 0 to 65535"),
        ("answerer", "gpt", "setting answerer is 'gpt'; it must be extractive or llm"),
    ],
)
def test_a_value_out_of_range_is_named(tmp_path: Path, name: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings({name: value}, {}, tmp_path / "absent.toml")
    assert str(caught.value) == message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "youju.toml").mkdir()
    with pytest.raises(ConfigError, match=r"youju\.toml cannot be read: Is a directory"):
        load_settings({}, {}, tmp_path / "youju.toml")


def test_a_byte_order_mark_in_the_file_is_ignored(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbfport = 1").port == 1


def test_an_address_of_an_index_names_milvus(tmp_path: Path) -> None:
    message = complaint(tmp_path, 'index_url = "http://milvus:19530"')
    assert message == "setting index_url is 'http://milvus:19530'; it must be empty or milvus://…"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('root_path = "qa"', "setting root_path is 'qa'; it must be empty, or a path such as /qa"),
        ('root_path = "/qa/"', "root_path"),
        ('root_path = "/"', "root_path"),
        ('root_path = "/qa\\nx"', "root_path"),
        ('allowed_origins = "*"', "setting allowed_origins holds '*', which would let every web site in"),
        ('trusted_proxies = "*"', "setting trusted_proxies holds '*'; write addresses or networks"),
        ("answers_at_once = 0", "setting answers_at_once is 0; it must be 1 or more"),
        ("limit_day = -1", "setting limit_day is -1; it must be 0 or more"),
        ("chat_page = 2", "setting chat_page is 2; it must be 0 or 1"),
    ],
)
def test_settings_of_the_server_are_checked(tmp_path: Path, toml: str, message: str) -> None:
    assert message in complaint(tmp_path, toml)


@pytest.mark.parametrize("toml", ['secret = "hunter2"', 'api_keys = "hunter2"', 'api_keys = "hunter2 hunter2 hunter2"'])
def test_a_secret_that_is_refused_is_not_shown(tmp_path: Path, toml: str) -> None:
    assert "hunter2" not in complaint(tmp_path, toml)


def test_a_key_is_never_shown() -> None:
    settings = load_settings(environment={"YOUJU_LLM_API_KEY": "sk-secret", "YOUJU_LLM_URL": "http://127.0.0.1/v1"})
    assert settings.has_llm
    assert "sk-secret" not in repr(settings)


def test_a_key_of_the_wrong_kind_is_not_shown_either(tmp_path: Path) -> None:
    file = tmp_path / "youju.toml"
    file.write_text("llm_api_key = 123456789")
    with pytest.raises(ConfigError, match=r"setting llm_api_key in youju\.toml is set; it must be text") as caught:
        load_settings(environment={}, file=file)
    assert "123456789" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("llm", "qwen"),
        ("llm_url", "127.0.0.1:11434"),
        ("llm_seconds", "0"),
        ("llm_silence_seconds", "-1"),
        ("llm_max_tokens", "0"),
    ],
)
def test_a_language_model_needs_sensible_settings(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"setting {name} is"):
        load_settings(environment={f"YOUJU_{name.upper()}": value})


def test_one_language_model_at_a_time() -> None:
    with pytest.raises(ConfigError, match="empty where llm_url is set"):
        Settings(llm="local:1.5b", llm_url="http://127.0.0.1/v1")
