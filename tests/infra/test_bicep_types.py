"""Every resource follows Microsoft's published types, and the check finds faults put in on purpose."""

import re
from pathlib import Path

import pytest

from tests.infra.bicep_types.check import faults, published
from tests.infra.bicep_types.reduce import wanted
from tests.infra.template import INFRA, Resource, Template, templates

CASES = [(template, resource) for template in templates() for resource in template.resources]
IDS = [f"{template.name}:{resource.symbol}" for template, resource in CASES]


@pytest.mark.parametrize(("template", "resource"), CASES, ids=IDS)
def test_a_resource_follows_its_published_type(template: Template, resource: Resource) -> None:
    assert faults(template, resource) == []


def test_the_reduced_types_are_those_of_the_templates_and_name_their_source() -> None:
    assert set(published()["resources"]) == wanted()
    assert re.search(r"Azure/bicep-types-az commit [0-9a-f]{40}$", published()["source"])


@pytest.mark.parametrize(
    ("file", "found", "put", "fault"),
    [
        ("storage", "minimumTlsVersion: 'TLS1_2'", "minimumTlsVersion: 'TLS9_9'", "is none of"),
        ("storage", "allowSharedKeyAccess: false", "allowSharedKeysAccess: false", "no such property"),
        ("storage", "allowBlobPublicAccess: false", "allowBlobPublicAccess: 'no'", "is not a boolean"),
        ("storage", "  kind: 'StorageV2'\n", "", "kind: is required"),
        ("storage", "  'Standard_ZRS'\n", "  'Standard_XRS'\n", "is none of"),
        ("vault", "family: 'A'", "family: 'B'", "is none of"),
        ("app", "instanceMemoryMB: instanceMemoryMB", "instanceMemory: instanceMemoryMB", "no such property"),
        ("app", "name: 'python'", "name: 'snake'", "is none of"),
        ("app", "serverFarmId: plan.id", "serverFarmId: plan.id\n    state: 'Running'", "is read-only"),
        ("app", "action: 'Allow'", "actions: 'Allow'", "no such property"),
        ("app", "name: 'appsettings'", "name: 'appsetting'", "names none of"),
        ("alerts", "operator: 'GreaterThan'", "operator: 'MoreThan'", "is none of"),
        ("alerts", "autoMitigate: true", "autoMitigate: 1", "is not a boolean"),
        ("alerts", "criterionType: 'StaticThresholdCriterion'", "criterionType: 'Static'", "criterionType"),
        ("network", "protocol: 'Tcp'", "protocol: 'TCPIP'", "is none of"),
        ("availability", "Kind: 'standard'\n    F", "Kind: 'normal'\n    F", "is none of"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, file: str, found: str, put: str, fault: str) -> None:
    source = (INFRA / f"modules/{file}.bicep").read_text(encoding="utf-8")
    assert found in source
    copy = tmp_path / "copy.bicep"
    copy.write_text(source.replace(found, put, 1), encoding="utf-8")
    template = Template(copy)
    assert any(fault in seen for resource in template.resources for seen in faults(template, resource))
