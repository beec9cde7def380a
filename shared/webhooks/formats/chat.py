"""Messages for people: an event in words, whatever chat it goes to."""

from shared.json_codec import JsonObject
from shared.webhooks.formats.cpp_summary import cpp_offer_summary
from shared.webhooks.formats.job_summary import job_summary
from shared.webhooks.formats.offer_summary import private_offer_summary
from shared.webhooks.formats.summary import Link, Summary, member_object, named_facts

_DASHBOARD = Link("Open the dashboard", "/")
# By `reason` of the event.
_TO_DO = {
    "token_refused": "Check the credential of the Entra application and its access in Partner Center. Jobs wait "
    "until it is accepted; none is lost.",
    "upstream_down": "Partner Center does not answer as it should. The monitor goes on trying, and no job is lost.",
    "storage_unreachable": "Check the storage account: its network rules, and the app's roles on it.",
    "settings_invalid": "Correct the app's settings. The log names those at fault.",
}
_LOOK_AT_THE_LOG = "Look at the app's log for the reason. Jobs wait meanwhile; none is lost."


def summary_of(body: JsonObject) -> Summary:
    """The summary of a standard body."""
    event_type, data = str(body["type"]), member_object(body["data"])
    match event_type.partition(".")[0]:
        case "job":
            return job_summary(event_type, data)
        case "private_offer":
            return private_offer_summary(event_type, data)
        case "cpp_offer":
            return cpp_offer_summary(data)
        case "monitor":
            return _monitor_summary(event_type, member_object(data.get("monitor")), body["timestamp"])
        case _:
            title = "Test of this webhook by the offer monitor"
            return Summary(title, facts=named_facts({"Time": body["timestamp"]}), link=_DASHBOARD)


def _monitor_summary(event_type: str, monitor: JsonObject, timestamp: str) -> Summary:
    facts = named_facts({**{_spaced(name): value for name, value in monitor.items()}, "Time": timestamp})
    if event_type == "monitor.recovered":
        return Summary("The offer monitor works again", "good", facts, link=_DASHBOARD)
    to_do = _TO_DO.get(str(monitor.get("reason")), _LOOK_AT_THE_LOG)
    return Summary("The offer monitor cannot do its work", "bad", facts, to_do, link=_DASHBOARD)


def _spaced(name: str) -> str:
    """`failedCycles` as "Failed cycles"."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return words[:1].upper() + words[1:]
