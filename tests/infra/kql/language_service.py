"""Microsoft's Kusto language service, which knows KQL as Azure does. It runs in Node (check.js)."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

# The tables of an Application Insights component: https://learn.microsoft.com/azure/azure-monitor/reference/tables
_EVERY_TABLE = {
    "timestamp": "datetime",
    "itemType": "string",
    "itemId": "string",
    "itemCount": "int",
    "customDimensions": "dynamic",
    "customMeasurements": "dynamic",
    "operation_Name": "string",
    "operation_Id": "string",
    "operation_ParentId": "string",
    "operation_SyntheticSource": "string",
    "session_Id": "string",
    "user_Id": "string",
    "user_AuthenticatedId": "string",
    "user_AccountId": "string",
    "application_Version": "string",
    "client_Type": "string",
    "client_Model": "string",
    "client_OS": "string",
    "client_IP": "string",
    "client_City": "string",
    "client_StateOrProvince": "string",
    "client_CountryOrRegion": "string",
    "client_Browser": "string",
    "cloud_RoleName": "string",
    "cloud_RoleInstance": "string",
    "appId": "string",
    "appName": "string",
    "iKey": "string",
    "sdkVersion": "string",
    "_ResourceId": "string",
}
APPLICATION_INSIGHTS = {
    "traces": _EVERY_TABLE | {"message": "string", "severityLevel": "int"},
    "requests": _EVERY_TABLE
    | {
        "id": "string",
        "source": "string",
        "name": "string",
        "url": "string",
        "success": "string",
        "resultCode": "string",
        "duration": "real",
        "performanceBucket": "string",
    },
    "availabilityResults": _EVERY_TABLE
    | {
        "id": "string",
        "name": "string",
        "location": "string",
        "success": "string",
        "message": "string",
        "duration": "real",
        "performanceBucket": "string",
        "size": "real",
    },
}


@dataclass(frozen=True)
class Verdict:
    """The findings of the language service about one query.

    `columns` are what it returns; `names` those of its own making that are words of KQL, which is asking for trouble.
    """

    faults: list[str]
    columns: list[str]
    names: list[str]


def judge(queries: dict[str, str]) -> dict[str, Verdict]:
    """Every query's verdict, by name, from one run of Node."""
    run = subprocess.run(
        ["node", str(Path(__file__).with_name("check.js"))],
        input=json.dumps({"tables": APPLICATION_INSIGHTS, "queries": queries}),
        capture_output=True,
        text=True,
        check=False,
    )
    # The package is one long line, which Node repeats when something in it fails.
    assert run.returncode == 0, run.stderr[-500:]
    return {name: Verdict(**verdict) for name, verdict in json.loads(run.stdout).items()}
