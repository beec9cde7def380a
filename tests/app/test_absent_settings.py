"""A host without settings starts and names the missing ones."""

from sandbox.server import Sandbox
from tests.app.app import App, environment_of

PARTNER_CENTER = ["PARTNER_CENTER_TENANT_ID", "PARTNER_CENTER_CLIENT_ID", "PARTNER_CENTER_CLIENT_SECRET"]
JOB_ID = "b3f49dff-381f-480d-a10e-17f4ce49b65f"
NEED_PARTNER_CENTER = [
    "private-offers",
    "private-offers/1",
    "cpp/publishers/a/offers",
    "cpp/publishers/a/offers/b",
    "cpp/publishers/a/offers/b/status",
    "offer-details?privateOfferId=1",
    f"jobs/{JOB_ID}/private-offer",
]


def test_without_partner_center_settings_each_function_names_all_of_them(azurite: str, sandbox: Sandbox) -> None:
    environment = environment_of(sandbox, azurite, "absentsettings") | dict.fromkeys(PARTNER_CENTER, "")
    with App(environment | {"UPSTREAM_TIMEOUT_SECONDS": "soon", "POLL_CONCURRENCY": "0"}) as app:
        for path in NEED_PARTNER_CENTER:
            answer = app.ask("GET", f"api/{path}")
            assert (answer.status_code, answer.json()["type"]) == (500, "urn:problem:offer-monitor:settings-invalid")
            for name in (*PARTNER_CENTER, "UPSTREAM_TIMEOUT_SECONDS", "POLL_CONCURRENCY"):
                assert sum(name in fault for fault in answer.json()["faults"]) == 1, (path, name)
            assert "soon" not in answer.text
        assert app.ask("GET", "api/health", key=None).json() == {"status": "ok"}  # it has not ticked yet
        cycle = app.tick()
        assert (cycle["outcome"], cycle["reason"]) == ("failed", "settings_invalid")
        answer = app.ask("GET", "api/health", key=None)
        assert set(answer.json()) == {"status"}
        assert any("PARTNER_CENTER_CLIENT_ID" in line for line in app.host.lines)


def test_without_storage_health_is_degraded_and_other_calls_name_the_setting(azurite: str, sandbox: Sandbox) -> None:
    with App(environment_of(sandbox, azurite, "absentsettings") | {"AzureWebJobsStorage": ""}) as app:
        answer = app.ask("GET", "api/health", key=None)
        assert (answer.status_code, answer.json()) == (503, {"status": "degraded"})
        answer = app.get("jobs")
        assert (answer.status_code, len(answer.json()["faults"])) == (500, 1)
        assert "AzureWebJobsStorage" in answer.json()["faults"][0]
        assert app.tick()["reason"] == "settings_invalid"


def test_a_secret_in_the_wrong_place_is_not_repeated(azurite: str, sandbox: Sandbox) -> None:
    wrong = {"PARTNER_CENTER_CLIENT_ID": "my~secret", "PARTNER_CENTER_CERTIFICATE": "my~secret"}
    with App(environment_of(sandbox, azurite, "absentsettings") | wrong) as app:
        answer = app.get("private-offers")
        assert (answer.status_code, len(answer.json()["faults"])) == (500, 3)
        app.tick()
        assert "my~secret" not in answer.text + "\n".join(app.host.lines)
