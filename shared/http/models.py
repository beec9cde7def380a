"""The models of bodies and parameters. Pydantic names every fault at once."""

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    RootModel,
    SkipValidation,
    Tag,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from shared import identifiers
from shared.http.parameters import COMMA_SEPARATED, Choice, Cursor, Moment, Parameters, WholeNumber
from shared.http.problems import configure_refused
from shared.jobs.job import JobState, Operation

LONGEST_LABEL_CHARACTERS = 200
LONGEST_FILTER_CHARACTERS = 500
MOST_JOBS_AT_ONCE = 100
ALL_STATES = "all"
# Members of upstream's answer to a configure request, which may be posted as it is.
_UPSTREAM_MEMBERS = {"$schema", "jobID", "jobStatus", "jobResult", "jobStart", "jobEnd", "resourceUri", "errors"}
# Refusals come as `{"error": {...}}`, but also without that envelope.
_BARE_REFUSALS = ({"code", "message"}, {"statusCode", "message"})
type Label = Annotated[str, Field(min_length=1, max_length=LONGEST_LABEL_CHARACTERS)]
type Filter = Annotated[str, Field(min_length=1, max_length=LONGEST_FILTER_CHARACTERS)]
type JobId = Annotated[
    str,
    AfterValidator(identifiers.job_id),
    Field(description="A GUID in any case.", json_schema_extra={"format": "uuid"}),
]


class JobRegistration(BaseModel):
    """A job to follow: its id and what to call it, or upstream's answer to the configure request as it is.

    The status in upstream's answer is ignored: the job is polled like any other. Upstream's refusal is a problem that
    repeats its error.
    """

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)

    job_id: JobId
    operation: Annotated[Operation, Choice(Operation)] = Operation.UNKNOWN
    label: Label | None = None
    external_id: Label | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_upstream(cls, body: Any) -> Any:  # noqa: ANN401 - whatever the caller sent
        if isinstance(body, dict) and body.keys().isdisjoint({"jobId", "jobID"}):
            refusal = body.get("error")
            if refusal is None and any(names <= body.keys() for names in _BARE_REFUSALS):
                refusal = body
            if refusal is not None:
                raise configure_refused(refusal)
        if not isinstance(body, dict) or _UPSTREAM_MEMBERS.isdisjoint(body):
            return body
        ours = {name: body[name] for name in ("jobId", "operation", "label", "externalId") if name in body}
        return ours if "jobId" in ours or "jobID" not in body else ours | {"jobId": body["jobID"]}

    @field_validator("job_id", mode="before")
    @classmethod
    def _without_blanks(cls, value: Any) -> Any:  # noqa: ANN401 - whatever the caller sent
        return value.strip() if isinstance(value, str) else value


def _one_or_many(body: object) -> str:
    return "many" if isinstance(body, list) else "one"


type _One = Annotated[JobRegistration, Tag("one")]
# Each element is read by itself, so that a fault in one is that element's problem alone.
type _Many = Annotated[
    list[SkipValidation[JobRegistration]], Field(min_length=1, max_length=MOST_JOBS_AT_ONCE), Tag("many")
]


class JobRegistrations(RootModel[Annotated[_One | _Many, Discriminator(_one_or_many)]]):
    """One job to follow, or up to a hundred, each of which is registered as if it were posted alone."""


class JobChange(BaseModel):
    """What to change of a job. What is absent stays; null clears a label or an external id."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)

    operation: Annotated[Operation, Choice(Operation)] = Operation.UNKNOWN
    label: Label | None = None
    external_id: Label | None = None


class JobPath(Parameters):
    """One job."""

    job_id: JobId


class ListJobs(Parameters):
    """Which jobs to list."""

    state: (
        Annotated[
            list[Annotated[str, Choice([*JobState, ALL_STATES])]],
            COMMA_SEPARATED,
            Field(
                description="One or more states, separated by commas, or `all`. "
                "Without it: `pending`, or with `updatedSince` `all`."
            ),
        ]
        | None
    ) = None
    operation: Annotated[Operation, Choice(Operation)] | None = None
    external_id: Annotated[Filter, Field(description="The whole external id, in this case.")] | None = None
    label: Annotated[Filter, Field(description="A part of the label, in any case.")] | None = None
    updated_since: (
        Annotated[Moment, Field(description="Jobs whose `updatedAt` is that moment or later: RFC 3339 with a zone.")]
        | None
    ) = None
    limit: Annotated[int, WholeNumber(1, 500)] = 50
    cursor: Cursor | None = None
