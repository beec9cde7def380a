"""What the app logs (docs/operations.md): every event with its fields. Alerts and workbook ask for nothing else."""

LOG_EVENTS: dict[str, frozenset[str]] = {
    "poll_cycle": frozenset(
        {
            "outcome",
            "reason",
            "pending",
            "overdue",
            "polled",
            "finished",
            "failedPolls",
            "setAside",
            "unreached",
            "readAll",
            "throttled",
            "durationMs",
            "upstreamLatencyMsP50",
            "upstreamLatencyMsMax",
        }
    ),
    "job_finished": frozenset({"jobId", "state", "operation", "secondsToFinish", "pollCount", "errors"}),
    "job_stalled": frozenset({"jobId", "operation", "hoursPending"}),
    "job_poll_failed": frozenset(
        {"jobId", "reason", "upstreamStatus", "upstreamRequestId", "consecutiveFailures", "nextPollAt"}
    ),
    "job_status_unknown": frozenset({"jobId", "jobStatus", "jobResult"}),
    "job_set_aside": frozenset({"rowKey", "reason"}),
    "credential_refused": frozenset({"api", "reason"}),
    "delivery_attempt": frozenset(
        {"deliveryId", "webhookId", "type", "attempt", "outcome", "status", "latencyMs", "error"}
    ),
    "delivery_not_stored": frozenset({"deliveryId", "error"}),
    "delivery_unreadable": frozenset({"webhookId", "rowKey", "reason"}),
    "delivery_fault": frozenset({"error", "at", "webhookId", "deliveryId"}),
    "event_not_rendered": frozenset({"type", "format", "error"}),
    "webhook_disabled": frozenset({"webhookId", "reason", "failingSince"}),
    "webhook_unreadable": frozenset({"webhookId"}),
    "webhook_address_refused": frozenset({"host", "address", "reason"}),
    "delivery_cycle": frozenset(
        {
            "outcome",
            "reason",
            "due",
            "attempted",
            "delivered",
            "gaveUp",
            "notBegun",
            "waiting",
            "dead",
            "unreadable",
            "durationMs",
        }
    ),
    "clean_up": frozenset({"outcome", "reason", "jobs", "setAside", "deliveries", "documents", "durationMs"}),
}
