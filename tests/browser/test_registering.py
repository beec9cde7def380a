"""Registering jobs by hand: by id, or by pasting what Partner Center answered."""

import json
import uuid

from playwright.sync_api import expect

from sandbox.server import Sandbox
from tests.app.app import App
from tests.browser.conftest import OpenTab


def test_a_job_is_registered_by_its_id(open_tab: OpenTab, app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    tab = open_tab(app, "/jobs")
    tab.link("Register a job").first.click()
    tab.field("Job id").fill(f" {job_id.upper()} ")
    tab.field("Label").fill("Contoso renewal")
    tab.field("External id").fill("crm-4711")
    tab.field("Operation").select_option("create")
    tab.button("Register").click()
    expect(tab.heading).to_have_text("Contoso renewal")
    record = app.job(job_id)
    assert (record["label"], record["externalId"], record["operation"]) == ("Contoso renewal", "crm-4711", "create")


def test_an_id_that_is_none_is_marked_and_keeps_the_focus(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/jobs/new")
    field = tab.field("Job id")
    tab.button("Register").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    field.fill("4711")
    tab.button("Register").click()
    expect(tab.main.locator(".fault")).to_contain_text("GUID")
    expect(field).to_be_focused()


def test_partner_centers_answer_can_be_pasted_as_it_is(open_tab: OpenTab, app: App, fresh_sandbox: Sandbox) -> None:
    job_id = fresh_sandbox.state.add_job(seconds=None)
    configure_answer = {
        "$schema": "https://schema.mp.microsoft.com/schema/configure-status/2022-07-01",
        "jobId": job_id,
        "jobStatus": "notStarted",
        "jobResult": "pending",
        "jobStart": "2026-11-20T08:59:54.9702903Z",
        "jobEnd": "0001-01-01",
        "errors": [],
    }
    tab = open_tab(app, "/jobs/new")
    tab.page.get_by_label("Partner Center's answer").fill(json.dumps(configure_answer, indent=2))
    tab.button("Register what is pasted").click()
    expect(tab.page).to_have_url(f"{tab.address}#/jobs/{job_id}")
    assert app.job(job_id)["state"] == "pending"


def test_several_ids_can_be_pasted_and_each_has_its_result(
    open_tab: OpenTab, app: App, fresh_sandbox: Sandbox
) -> None:
    known, new = fresh_sandbox.state.add_job(seconds=None), fresh_sandbox.state.add_job(seconds=None)
    app.register(known)
    tab = open_tab(app, "/jobs/new")
    tab.page.get_by_label("Partner Center's answer").fill(f"{known}\n{new}\n\nnot-an-id")
    tab.button("Register what is pasted").click()
    results = tab.page.get_by_role("list", name="Result for each job").get_by_role("listitem")
    expect(results).to_have_count(3)
    assert [text.split()[0] for text in results.all_inner_texts()] == ["Known", "Registered", "Refused"]
    assert app.get(f"jobs/{new}").status_code == 200


def test_text_that_is_neither_is_refused_in_words(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/jobs/new")
    tab.page.get_by_label("Partner Center's answer").fill('{"jobId": ')
    tab.button("Register what is pasted").click()
    expect(tab.main.locator(".fault")).to_be_visible()


def test_an_error_answer_that_is_pasted_shows_partner_centers_own_error(open_tab: OpenTab, app: App) -> None:
    tab = open_tab(app, "/jobs/new")
    answer = {"error": {"code": "badRequest", "message": "The plan does not exist.", "details": []}}
    tab.page.get_by_label("Partner Center's answer").fill(json.dumps(answer))
    tab.button("Register what is pasted").click()
    expect(tab.page.get_by_role("alert").filter(has_text="The plan does not exist.")).to_be_visible()
    assert app.get(f"jobs/{uuid.uuid4()}").status_code == 404
