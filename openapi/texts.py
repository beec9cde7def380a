"""What the description says beyond the code's docstrings."""

import re

TITLE = "Partner Center Offer Monitor"
DESCRIPTION = """\
Follows Partner Center jobs and reads offers, private ones and those of the Cloud Partner Portal (CPP).

**Upstream** means Microsoft's two APIs, Product Ingestion and CPP. Upstream's objects are passed on unchanged.

**Keys.** Every call except those marked otherwise needs a function key, as the header `x-functions-key` or the query
parameter `code`. Without one the answer is 401, with an empty body.

**Bodies** are JSON in UTF-8, up to 256 KiB, uncompressed and with `Content-Length`. A member that is not known is
refused, and so is an unknown query parameter. Names of states and operations are accepted in any case.

**Times** are in UTC, in RFC 3339, and end in `Z`.

**Errors** are problem details (RFC 9457), `application/problem+json`. Each kind has its own `type`,
`urn:problem:offer-monitor:` and a name; each answer below lists the names that it may have.

**Caching.** Answers must not be kept by shared caches (`Cache-Control: private, no-cache`).

**Pages.** A list that has more pages has a `nextCursor`. Send it as `cursor`, with the same filters, and go on until
it is null.
"""

# The tag of a call, by the first part of its path; in the order in which readers see the tags.
TAGS = {
    "jobs": ("Jobs", "Jobs that the monitor polls, and those that have ended."),
    "private-offers": ("Private offers", "Private offers as Product Ingestion has them, and what happened to them."),
    "watch": ("Watch", "Offers that are being followed, as they were last seen."),
    "calendar.ics": ("Calendar", "The dates of offers, to subscribe to."),
    "cpp": ("CPP offers", "Offers as the Cloud Partner Portal has them."),
    "offer-details": ("Offer details", "Both kinds of offer in one call."),
    "webhooks": ("Webhooks", "Endpoints that are sent events, and the deliveries to them."),
    "health": ("Health", "Whether the monitor can do its work."),
    "stats": ("Statistics", "How many jobs ended in which way, day by day."),
    "set-aside": ("Set-aside rows", "Rows that were put into the jobs table and are not jobs."),
    "openapi.json": ("Description", "This document."),
}
EVENTS_TAG = ("Events", "The requests that the monitor sends to your endpoints.")

# What else there is to know about a call.
CALLS = {
    "register_job": "An array is registered element by element, each as if it were sent alone: the answer has a "
    "status "
    "for each. A job that is known gets those of `operation`, `label` and `externalId` that it does not have yet.",
    "list_jobs": "Pending jobs come first, then finished ones, newest first. A page has at most 8 MiB and takes at "
    "most 5 "
    "seconds, so it may be short or even empty and still have a `nextCursor`.",
    "get_private_offer_of_job": "A job that is not registered here is looked up upstream.",
    "get_private_offer_by_durable_id": "The same as `get_private_offer`, for an id in upstream's form: "
    "`private-offer/` and the id.",
    "get_private_offer_history_by_durable_id": "The same as `get_private_offer_history`, for an id in upstream's "
    "form: `private-offer/` and the id.",
    "get_private_offer_history": "It has the events that were announced, up to 200, and is kept for some time after "
    "the offer is gone. What a job changed is not in it: the job's own event told that.",
    "list_watched_offers": "It asks upstream nothing. `expiringWithin` and `endingWithin` find the offers that the "
    "events `private_offer.expiring` and `private_offer.ending` are about, as long as the date has not passed. A "
    "page has at most 8 MiB and takes at most 5 seconds, so it may be short or even empty and still have a "
    "`nextCursor`.",
    "get_calendar": "An iCalendar feed (RFC 5545) for calendar programs: an all-day entry for the date by which "
    "each live offer has to be accepted, and one for its end. An entry that no longer applies is `CANCELLED` for 30 "
    "days, and then left out. One whose date has passed is left out after 30 days. Calendar programs cannot send "
    "headers: give the key as `code`, and make one for this function alone.",
    "get_cpp_offer": "`slot` and `version` exclude each other.",
    "get_offer_details": "Give `privateOfferId` or `jobId`, or `publisherId` and `offerId`, or one of the former and "
    "both of "
    "the latter. `slot` and `version` exclude each other, and belong to a CPP offer.",
    "compare_cpp_offer": "Only `definition` is compared. Plans are matched by their `planId`.",
}

# Parameters, where the model has no description of its own.
PARAMETERS = {
    "cursor": "The `nextCursor` of the page before.",
    "limit": "How many to list at most.",
    "days": "How many days to show, today included.",
    "operation": "Jobs of this operation only.",
    "publisherId": "The publisher's id in the Cloud Partner Portal.",
    "offerId": "The offer's id in the Cloud Partner Portal.",
    "slot": "Which copy of the offer. Without it, and without `version`: the draft.",
    "version": "Which version of the offer.",
    "from": "The state to compare with: a slot, or `version:` and a number.",
    "to": "The state that is compared: a slot, or `version:` and a number.",
    "rowKey": "The row's key, as the list shows it.",
    "webhookId": "The endpoint's id. `settings` is the endpoint of the app's settings.",
    "deliveryId": "The delivery's id.",
    "status": "Deliveries in this state only.",
    "state": "Offers in this state only, compared without case.",
    "subState": "Offers in this sub-state only, compared without case.",
    "privateOfferType": "Offers of this type only, compared without case.",
}

ANSWERS = {
    200: "Done.",
    201: "Created.",
    202: "Accepted.",
    204: "Done. There is no body.",
    304: "The caller's copy is still good.",
}
# Answers that mean something else than their status says in general.
ANSWERS_OF_CALLS = {
    ("register_job", 200): "The job was known, and this is its record; or the results of an array.",
    ("register_job", 202): "The job is registered. This is its record.",
    ("redeliver_dead", 202): "The deliveries are due again, at the pace of retries.",
    ("test_webhook", 200): "The result, whatever the endpoint answered.",
    ("get_calendar", 200): "The calendar.",
    ("get_health", 503): "The monitor is degraded.",
    ("get_health_details", 503): "The monitor is degraded, or its storage cannot be used.",
}
NO_KEY = "The function key is missing or wrong. The Functions host answers, with an empty body."

HEADERS = {
    "Cache-Control": "Answers may be kept by the caller's own cache only, and must be checked again before use.",
    "ETag": "The version of the content, for `If-None-Match`.",
    "Location": "The address of what was created.",
    "Retry-After": "How many seconds to wait before the next request. Of a pending job: until it is polled next.",
}
IF_NONE_MATCH = "The `ETag` of the copy that the caller has. If it is still good, the answer is 304."

# Any JSON value, by the name of its type.
ANY_JSON = {"JsonValue": "Any JSON value."}

# Where the docstring of a type is not for readers of the description.
SCHEMAS = {
    "ConfigureAnswer": "Upstream's answer to a configure request, which may be posted as it is. Only the job's id is "
    "taken "
    "from it; the status is not, since the job is polled like any other. `jobID` is accepted for `jobId`.",
    "CloudEvent": "An event as a CloudEvent 1.0 in structured JSON mode.",
    "Change": "One change. A value whose JSON is longer than 1,000 characters is given as the first 1,000 characters "
    "of that "
    "JSON, as text, with `truncated`.",
    "CppOfferEvent": "An event about a CPP offer. `data` is empty if the offer cannot be shown.",
    "CppOfferTrouble": "An entry of `WATCH_CPP_OFFERS` that cannot be followed.",
    "OfferChange": "Something that happened to an offer.",
    "OfferHistory": "What happened to an offer.",
    "WatchedOffer": "An offer that is being followed.",
    "HealthDetails": "The parts of the monitor's health. They change after each tick.",
    "JobEvent": "An event about a job. `data` is empty if the job cannot be shown.",
    "JobRegistration": "A job to follow.",
    "JobState": "`pending` until upstream says that the job has completed; then `succeeded`, `failed` or "
    "`cancelled`. "
    "A job becomes `lost` if upstream no longer knows it, and `expired` if it has been pending for too long.",
    "MonitorEvent": "An event about the monitor itself.",
    "Operation": "What the configure request asked for. Upstream does not say it, so the caller does.",
    "PrivateOfferEvent": "An event about a private offer. `data` is empty if the offer cannot be shown.",
    "RegisteredJob": "The result for one job of an array: its record, or the problem with it.",
    "RegisteredJobs": "The result for each job of an array, in the order of the request.",
    "AttemptRecord": "One attempt to deliver an event.",
    "DeliveryStatusName": "`dead` deliveries are not attempted again until someone asks for it.",
    "DisabledReason": "Why the monitor disabled the endpoint: it answered 410 (`gone`), or nothing succeeded for "
    "five days (`failing`).",
    "DayStats": "One UTC day. A job counts on the day on which it ended. Times are exact up to 1,500 different "
    "ones a day.",
    "EventType": "The type of an event.",
    "FormatName": "The form of the requests: a Standard Webhook, a message for Teams or Slack, a CloudEvent.",
    "NewWebhook": "An endpoint to register.",
    "TestRecord": "The result of a test event.",
    "TimelineEvent": "Something that happened to a job. Each type has members of its own.",
    "WebhookRecord": "An endpoint.",
    "WebhookWithSecret": "An endpoint with its secret.",
    "DeliveryRecord": "One event to one endpoint, with its attempts.",
    "Slot": "A copy of a CPP offer: the one being edited, the one in preview, or the one that is published.",
    "WebhookTestEvent": "A test event, sent when someone asks for it.",
}

# The members of each component, those of all components under "*".
MEMBERS = {
    "*": {
        "jobId": "The job's id, in lower case.",
        "label": "The caller's name for the job.",
        "externalId": "The job's id in the caller's own system.",
        "nextCursor": "The cursor of the next page; null on the last one.",
    },
    "Change": {
        "path": "A JSON Pointer (RFC 6901) into the newer offer; of a removal, into the older one.",
        "op": "What happened to the value.",
        "from": "The older value; null if it was added.",
        "to": "The newer value; null if it was removed.",
        "truncated": "Whether a value is cut.",
    },
    "AttemptRecord": {
        "at": "When the attempt began.",
        "status": "The status of the answer; null if none came.",
        "latencyMs": "How long the attempt took, in milliseconds.",
        "response": "The first 1,000 characters of the answer's body.",
        "error": "Why no answer came.",
    },
    "DeadDeliveries": {
        "status": "Only dead deliveries can be sent again in bulk.",
        "type": "Those of this type of event only.",
        "since": "Those that were created at this time or later.",
    },
    "DayStats": {
        "date": "The day, as YYYY-MM-DD.",
        "succeeded": "How many jobs succeeded.",
        "failed": "How many jobs failed.",
        "cancelled": "How many jobs were cancelled.",
        "lost": "How many jobs were lost.",
        "expired": "How many jobs expired.",
        "medianSeconds": "The median time from registration to the end, in seconds; null if no job ended.",
        "p95Seconds": "95 % of the jobs took this many seconds or less; null if no job ended.",
        "polls": "How many status requests were made, those that failed included.",
        "failedPolls": "How many status requests failed.",
    },
    "StatsList": {"days": "The days, the oldest first."},
    "TimelineEvent": {
        "at": "When it happened.",
        "type": "What happened.",
        "from": "`jobStatus` before, of `statusChanged`.",
        "to": "`jobStatus` afterwards, of `statusChanged`.",
        "members": "Which members a caller changed, of `changed`.",
        "reason": "Why polls fail, of `pollFailing`.",
        "state": "How the job ended, of `finished`.",
        "webhookId": "The endpoint, of `delivery`.",
        "deliveryId": "The delivery, of `delivery`.",
        "status": "The state of the delivery, of `delivery`.",
    },
    "TimelineList": {"events": "What happened, the oldest first; of over 200 events the first and the newest."},
    "DeliveryList": {"deliveries": "The deliveries of this page."},
    "DeliveryRecord": {
        "id": "The delivery's id.",
        "eventId": "The event's id, which is the `webhook-id` of every attempt.",
        "type": "The type of the event.",
        "jobId": "The job that the event is about; null if it is not about a job.",
        "status": "Whether the delivery is waiting, has succeeded, or has been given up.",
        "createdAt": "When the event was stored for this endpoint.",
        "nextAttemptAt": "When the next attempt is due; null if none is.",
        "attempts": "The attempts, the first one first.",
    },
    "DeliveryWithBody": {"body": "The text that each attempt sends; null if it cannot be read."},
    "NewWebhook": {
        "url": "The endpoint's address: https, and on a public address.",
        "events": "The types of events that it gets: exact ones, groups such as `job.*`, or `*`. Without it: all.",
        "description": "What the endpoint is for.",
        "secret": "A secret of the caller's own: `whsec_` and 24 to 64 bytes in base64. Without it: a new one.",
        "format": "The form of the requests. Without it: `standard`.",
        "headers": "Up to five headers for every request, for example `authorization`. No answer shows their values.",
    },
    "Scheduled": {"scheduled": "How many deliveries are due again."},
    "TestRecord": {
        "delivered": "Whether the endpoint answered 2xx.",
        "status": "The status of the answer; null if none came.",
        "latencyMs": "How long it took, in milliseconds.",
        "error": "Why the event was not delivered; null if it was.",
    },
    "WebhookList": {"webhooks": "The endpoints."},
    "WebhookRecord": {
        "id": "The endpoint's id.",
        "url": "Its address, without parts that may be secret.",
        "events": "The types of events that it gets.",
        "description": "What it is for.",
        "format": "The form of the requests.",
        "headers": "The names of its own headers.",
        "enabled": "Whether it is sent events.",
        "disabledReason": "Why the monitor disabled it; null if it did not.",
        "createdAt": "When it was registered; null for the endpoint of the app's settings.",
        "previousSecretUntil": "Until when the secret before the last rotation signs, too.",
        "editable": "Whether calls can change it. The endpoint of the app's settings is changed there.",
    },
    "WebhookWithSecret": {"secret": "The secret that signs the requests. Keep it: no other answer shows it."},
    "ConfigureAnswer": {
        "$schema": "The schema of upstream's answer.",
        "jobId": "The job's id, in any case.",
        "jobStatus": "Ignored.",
        "jobResult": "Ignored.",
        "jobStart": "Ignored.",
        "jobEnd": "Ignored.",
        "resourceUri": "Ignored.",
        "errors": "Ignored.",
    },
    "HealthDetails": {
        "status": "The same as `GET /health` says.",
        "problems": "Why the monitor is degraded, one sentence for each reason.",
        "failingSince": "Since when poll cycles have failed; null if the last one could do its work.",
        "storageReachable": "Whether storage answered just now.",
        "lastTick": "The last poll cycle; null before the first.",
        "pending": "How many jobs were pending at the last tick.",
        "overdue": "How many due jobs had waited for over 5 minutes at the last tick.",
        "setAside": "Rows that are not jobs; null before the first tick.",
        "timers": "The last run of each timer function, by its name.",
        "cppOffers": "The entries of `WATCH_CPP_OFFERS` that upstream refuses or does not know.",
        "lastTokenError": "Why the last request for a token failed; null if it succeeded.",
        "deliveriesWaiting": "How many deliveries wait for their next attempt.",
        "deliveriesDead": "How many deliveries are dead.",
    },
    "HealthStatus": {"status": "Whether the monitor can do its work."},
    "JobChange": {"label": "The new label; null clears it.", "externalId": "The new external id; null clears it."},
    "JobList": {"jobs": "The jobs of this page."},
    "JobRecord": {
        "registeredAt": "When the job was registered.",
        "updatedAt": "When anything but the counters and times of polls changed last.",
        "finishedAt": "When the job ended here; null while it is pending.",
        "jobStatus": "Upstream's last status, as it came.",
        "jobResult": "Upstream's result, as it came.",
        "jobStart": "Upstream's start of the job, as it came.",
        "jobEnd": "Upstream's end of the job, as it came.",
        "resourceUri": "Upstream's address of the result, as it came. A delete has none.",
        "errors": "Upstream's errors, as they came.",
        "privateOffer": "The private offer as it was when the job ended, unchanged; null if there is none.",
        "pollCount": "How many times the job was polled.",
        "lastPolledAt": "When the job was polled last.",
        "nextPollAt": "When the job is due; null if it is not pending.",
        "consecutivePollFailures": "How many polls have failed in a row.",
        "lastPollError": "Why the last poll failed; null if it did not.",
        "stalled": "Whether the job has been pending for unusually long.",
    },
    "JobRegistration": {
        "jobId": "The job's id, a GUID in any case.",
        "operation": "What the configure request asked for.",
    },
    "LastTick": {
        "at": "When the tick began.",
        "durationMs": "How long it took, in milliseconds.",
        "outcome": "Whether it could do its work.",
        "reason": "Why it could not.",
        "polled": "How many jobs were polled.",
        "finished": "How many jobs ended.",
        "failedPolls": "How many polls failed.",
        "setAside": "How many rows were set aside.",
        "unreached": "How many due jobs were left to the next tick.",
        "upstreamLatencyMsP50": "The median time upstream took for a status, in milliseconds; null without one.",
        "upstreamLatencyMsMax": "The longest of these times.",
    },
    "OfferDetails": {
        "privateOffer": "Upstream's private offer, unchanged; null if it was not asked for or did not come.",
        "cppOffer": "Upstream's CPP offer, unchanged; null if it was not asked for or did not come.",
        "problems": "Why a part did not come.",
    },
    "OfferDiff": {
        "from": "The state that was compared with.",
        "to": "The state that was compared.",
        "changes": "What would change, 1,000 changes at most.",
        "moreChanges": "Present if there are more changes.",
    },
    "PrivateOfferList": {"privateOffers": "The offers of this page, each upstream's object, unchanged."},
    "Problem": {
        "type": "The kind of problem: `urn:problem:offer-monitor:` and a name.",
        "title": "The status in words.",
        "status": "The status of the answer.",
        "detail": "What is wrong, in a sentence.",
        "faults": "Everything that is wrong with the request or the settings.",
        "errors": "Upstream's own errors, as they came.",
        "upstreamStatus": "The status of upstream's answer.",
        "upstreamCode": "The code in upstream's error.",
        "upstreamRequestId": "Upstream's id of the request, for Microsoft's support.",
    },
    "RegisteredJob": {
        "status": "The status for this job alone: 202 if it is new, 200 if it was known, else the problem's.",
        "job": "The job's record, without its private offer.",
        "problem": "Why the job was not registered.",
    },
    "RegisteredJobs": {"jobs": "The results."},
    "SetAside": {"count": "How many there are, 10,000 at most.", "newest": "The newest one."},
    "SetAsideList": {"rows": "The rows of this page."},
    "SetAsideNewest": {"rowKey": "The row's key.", "at": "When it was set aside.", "reason": "Why it is not a job."},
    "SetAsideRecord": {
        "rowKey": "The row's key. It may need percent-encoding in a path.",
        "setAsideAt": "When the row was set aside.",
        "reason": "Why it is not a job.",
    },
    "TimerRun": {
        "at": "When the run began.",
        "ok": "Whether it could do its work.",
        "reason": "Why it could not, where the function says it.",
    },
    "CppOfferTrouble": {
        "publisherId": "The publisher in the entry.",
        "offerId": "The offer in the entry.",
        "reason": "Why the offer cannot be followed.",
        "since": "When this was first seen.",
    },
    "LastChange": {"at": "When it was announced.", "type": "The type of its event."},
    "OfferChange": {
        "at": "When it was announced.",
        "type": "The type of its event.",
        "changes": "JSON Pointers to what changed, of `private_offer.changed`.",
    },
    "OfferHistory": {"events": "What was announced, the newest first."},
    "WatchedOffer": {
        "privateOffer": "Upstream's object as it was last seen, unchanged.",
        "lastChange": "The newest change that was announced; null if there was none.",
    },
    "WatchedOfferList": {"privateOffers": "The offers of this page."},
}
MEMBERS["ShortJobRecord"] = {name: text for name, text in MEMBERS["JobRecord"].items() if name != "privateOffer"}
MEMBERS["DeliveryWithBody"] |= MEMBERS["DeliveryRecord"]
MEMBERS["WebhookWithSecret"] |= MEMBERS["WebhookRecord"]
MEMBERS["WebhookChange"] = {
    **{name: text for name, text in MEMBERS["NewWebhook"].items() if name != "secret"},
    "description": "What the endpoint is for; null removes it.",
    "enabled": "Whether the endpoint is sent events. Enabling one forgets why it was disabled.",
    "format": "The form of the requests, from the next event on.",
    "headers": "Replaces all headers. A URL of another origin drops those that are not given anew.",
    "events": "The types of events that it gets: exact ones, groups such as `job.*`, or `*`.",
}


def member(component: str, name: str) -> str | None:
    """The description of a component's member; None if there is none here."""
    return MEMBERS.get(component, {}).get(name) or MEMBERS["*"].get(name)


def unwrapped(docstring: str) -> str:
    """A docstring with each paragraph on one line."""
    paragraphs = re.split(r"\n\s*\n", docstring.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
