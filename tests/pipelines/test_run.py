"""The instance that remembers runs."""

from pipelines.run import dagster_instance


def test_dagster_instance__a_new_home_sends_no_telemetry(monkeypatch, tmp_path):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with dagster_instance() as instance:
        assert not instance.telemetry_enabled


def test_dagster_instance__what_a_home_says_itself_stands(monkeypatch, tmp_path):
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: true\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dagster_instance() as instance:
        assert instance.telemetry_enabled
