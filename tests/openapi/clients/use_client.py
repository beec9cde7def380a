"""Uses the generated Python client. Its arguments: the app's address, a job's id. Writes what it read, as JSON."""

import json
import sys
from http import HTTPStatus
from uuid import UUID

from offer_monitor import AuthenticatedClient
from offer_monitor.api.jobs import get_job, get_private_offer_of_job, list_jobs, register_job
from offer_monitor.models import JobList, JobRecord, JobRegistration, JobState, Operation, Problem

address, job_id = sys.argv[1], UUID(sys.argv[2])
client = AuthenticatedClient(f"{address}/api", token="local", prefix="", auth_header_name="x-functions-key")

registration = JobRegistration(job_id=job_id, operation=Operation.CREATE, label="Contoso renewal")
registered = register_job.sync_detailed(client=client, body=registration)
assert registered.status_code == HTTPStatus.ACCEPTED
assert isinstance(registered.parsed, JobRecord)

pending = get_private_offer_of_job.sync(job_id, client=client)
assert isinstance(pending, Problem)

jobs = list_jobs.sync(client=client, state="pending,failed", label="renewal", limit=10)
assert isinstance(jobs, JobList)

unknown = get_job.sync_detailed(UUID(int=0), client=client)
assert isinstance(unknown.parsed, Problem)

sys.stdout.write(
    json.dumps(
        {
            "isPending": registered.parsed.state is JobState.PENDING,
            "zone": registered.parsed.registered_at.tzname(),
            "offer": pending.detail,
            "listed": [str(job.job_id) for job in jobs.jobs],
            "unknown": [unknown.status_code, unknown.parsed.type_, unknown.parsed.detail],
        }
    )
)
