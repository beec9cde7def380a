"""The templates: they parse, their parts fit, and a second deployment finds the resources of the first."""

import json
import re

import pytest

from tests.infra.roles import GRANTED_ROLES
from tests.infra.template import (
    INFRA,
    ModuleCall,
    Template,
    body_of,
    decorators_of,
    literal,
    main_template,
    parameters_file,
    properties,
    property_value,
    templates,
    text,
    walk,
)

TEMPLATES = templates()
MODULES = [template for template in TEMPLATES if template.path.parent.name == "modules"]


def each_template(cases: list[Template]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("template", cases, ids=lambda template: template.name)


@each_template(TEMPLATES)
def test_a_template_parses(template: Template) -> None:
    assert template.faults == []


@each_template(TEMPLATES)
def test_every_parameter_type_and_output_is_described(template: Template) -> None:
    undescribed = [
        name for name, parameter in template.parameters.items() if "description" not in parameter.decorators
    ]
    for declarations in (template.outputs, template.types):
        undescribed += [
            name
            for name, node in declarations.items()
            if not any(text(decorator).startswith("@description") for decorator in decorators_of(node))
        ]
    assert undescribed == []


def test_every_property_of_a_type_is_described() -> None:
    lines = (INFRA / "types.bicep").read_text(encoding="utf-8").splitlines()
    properties_ = [number for number, line in enumerate(lines) if re.match(r"  (\w+|\*): ", line)]
    assert properties_
    for number in properties_:
        decorators = lines[:number]
        while decorators[-1].startswith("  @") and "@description" not in decorators[-1]:
            decorators.pop()
        assert decorators[-1].startswith("  @description('"), lines[number]


@each_template(TEMPLATES)
def test_an_optional_property_is_read_by_safe_access(template: Template) -> None:
    """The linter's use-safe-access: what `items()` gives for a property that may be left out may be null."""
    for line in template.path.read_text(encoding="utf-8").splitlines():
        if "items(" in line:
            assert not re.search(r"\b\w+\.value\b", line), line


@each_template(TEMPLATES)
def test_every_parameter_variable_and_existing_resource_is_used(template: Template) -> None:
    declared = [*template.parameters, *template.variables]
    declared += [resource.symbol for resource in template.resources if resource.existing]
    assert [name for name in declared if template.identifiers.count(name) < 2] == []


@each_template(TEMPLATES)
def test_every_imported_type_exists_and_is_used(template: Template) -> None:
    exported = Template(INFRA / "types.bicep").types
    source = template.path.read_text(encoding="utf-8")
    for names in re.findall(r"^import \{([^}]*)\}", source, re.MULTILINE):
        for name in (part.strip() for part in names.split(",")):
            assert name in exported
            assert len(re.findall(rf"\b{name}\b", source)) > 1, f"{name} is imported and not used"


@pytest.mark.parametrize("call", main_template().modules, ids=lambda call: call.symbol)
def test_a_module_gets_every_required_parameter_and_no_unknown_one(call: ModuleCall) -> None:
    declared = Template(INFRA / call.file).parameters
    required = {name for name, parameter in declared.items() if not parameter.has_default}
    assert set(call.arguments) <= set(declared)
    assert required <= set(call.arguments)


def test_every_module_is_deployed() -> None:
    assert {call.file for call in main_template().modules} == {module.name for module in MODULES}


def test_every_default_of_a_module_parameter_is_overridden_somewhere() -> None:
    calls = {call.file: call.arguments for call in main_template().modules}
    idle = [
        (module.name, name)
        for module in MODULES
        for name, parameter in module.parameters.items()
        if parameter.has_default and name not in calls[module.name]
    ]
    assert idle == []


def test_one_api_version_is_used_for_each_resource_type() -> None:
    versions: dict[str, set[str]] = {}
    for template in TEMPLATES:
        for resource in template.resources:
            top_level_type = "/".join(resource.type.split("/")[:2])
            versions.setdefault(top_level_type, set()).add(resource.version)
    assert {kind: found for kind, found in versions.items() if len(found) > 1} == {}


def test_a_what_if_can_name_every_resource() -> None:
    """Modules are given names and choices, never another module's outputs, which exist only while deploying."""
    for call in main_template().modules:
        for name, value in call.arguments.items():
            assert ".outputs" not in text(value), f"{call.symbol}.{name}"


def test_a_template_of_a_subscription_names_no_resource_by_resource_id() -> None:
    """There resourceId() knows no resource group, and Azure fails the deployment (Azure/bicep#3619)."""
    for template in TEMPLATES:
        source = template.path.read_text(encoding="utf-8")
        if "targetScope = 'subscription'" in source:
            code = "\n".join(line.partition("//")[0] for line in source.splitlines())
            assert re.findall(r"\bresourceId\(", code) == []


def test_a_role_has_the_id_that_microsoft_publishes() -> None:
    named = {}
    for template in TEMPLATES:
        if "roleIds" in template.variables:
            for name, value in properties(body_of(template.variables["roleIds"])).items():
                named[name] = literal(value)
    assert named == GRANTED_ROLES


def test_a_role_is_granted_by_its_name_only() -> None:
    for template in TEMPLATES:
        source = template.path.read_text(encoding="utf-8")
        table = text(template.variables["roleIds"]) if "roleIds" in template.variables else ""
        ids = re.findall(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", source.replace(table, ""))
        assert ids == [], template.name


def role_assignments() -> list[tuple[str, dict[str, str]]]:
    found = []
    for template in TEMPLATES:
        for resource in template.resources:
            if resource.type == "Microsoft.Authorization/roleAssignments":
                body = body_of(resource.node)
                values = {name: text(value) for name, value in properties(body).items()}
                values |= {
                    name: text(value) for name, value in properties(property_value(body, "properties")).items()
                }
                found.append((resource.symbol, values))
    return found


@pytest.mark.parametrize(("symbol", "values"), role_assignments(), ids=[symbol for symbol, _ in role_assignments()])
def test_a_role_assignment_is_found_again_by_a_second_deployment(symbol: str, values: dict[str, str]) -> None:
    role = re.search(r"roleIds\['([^']+)'\]", values["roleDefinitionId"])
    assert role is not None, symbol
    assert values["name"] == f"guid({values['scope']}.id, identity.id, roleIds['{role[1]}'])"
    assert values["principalId"] == "identity.properties.principalId"
    assert values["principalType"] == "'ServicePrincipal'"
    assert "description" in values


def test_the_identity_gets_each_role_once() -> None:
    roles = sorted(
        re.findall(r"roleIds\['([^']+)'\]", values["roleDefinitionId"])[0] for _, values in role_assignments()
    )
    assert roles == sorted(GRANTED_ROLES)


def test_no_output_and_no_setting_holds_a_secret() -> None:
    for template in TEMPLATES:
        secure = {name for name, parameter in template.parameters.items() if "secure" in parameter.decorators}
        used = {
            text(node) for output in template.outputs.values() for node in walk(output) if node.type == "identifier"
        }
        assert not secure & used, template.name
    assert not [p for p in Template(INFRA / "modules/app.bicep").parameters.values() if "secure" in p.decorators]


def test_a_secure_parameter_is_passed_to_secure_parameters_only() -> None:
    main = main_template()
    secure = {name for name, parameter in main.parameters.items() if "secure" in parameter.decorators}
    assert secure == {"partnerCenterCredentialValue", "webhookSecret"}
    for call in main.modules:
        accepted = Template(INFRA / call.file).parameters
        for name, value in call.arguments.items():
            if secure & {text(node) for node in walk(value) if node.type == "identifier"}:
                assert "secure" in accepted[name].decorators, f"{call.symbol}.{name}"


def test_a_secret_is_written_only_when_a_value_is_given() -> None:
    vault = Template(INFRA / "modules/vault.bicep")
    secrets = [resource for resource in vault.resources if resource.type == "Microsoft.KeyVault/vaults/secrets"]
    assert len(secrets) == 2
    for secret in secrets:
        value = text(property_value(body_of(secret.node), "properties", "value"))
        assert f"= if (!empty({value}))" in text(secret.node)


def test_with_the_virtual_network_storage_and_vault_are_closed_to_the_public() -> None:
    for file, symbol in (("storage", "account"), ("vault", "vault")):
        template = Template(INFRA / f"modules/{file}.bicep")
        resource = next(resource for resource in template.resources if resource.symbol == symbol)
        own = property_value(body_of(resource.node), "properties")
        assert text(property_value(own, "publicNetworkAccess")) == "privateOnly ? 'Disabled' : 'Enabled'"
        assert text(property_value(own, "networkAcls", "defaultAction")) == "privateOnly ? 'Deny' : 'Allow'"
    calls = {call.symbol: call for call in main_template().modules}
    for symbol in ("storage", "vault"):
        assert text(calls[symbol].arguments["privateOnly"]) == "virtualNetworkEnabled"


def test_the_app_starts_after_the_private_endpoints_that_it_needs() -> None:
    calls = {call.symbol: call for call in main_template().modules}
    endpoints = {symbol for symbol, call in calls.items() if call.file == "modules/private-endpoint.bicep"}
    groups = {literal(calls[symbol].arguments["groupId"]) for symbol in endpoints}
    assert groups == {"blob", "table", "vault", "sites"}
    waits_for = text(calls["app"].node).rpartition("dependsOn:")[2]
    for symbol in endpoints - {"appEndpoint"}:
        assert symbol in waits_for


def test_an_optional_part_is_off_by_default() -> None:
    for declaration in main_template().root.named_children:
        if declaration.type == "parameter_declaration" and text(declaration.named_children[1]) == "bool":
            assert text(declaration.named_children[-1]) == "false", text(declaration)


def test_sign_in_excludes_the_anonymous_routes_only() -> None:
    sign_in = (INFRA / "modules/sign-in.bicep").read_text(encoding="utf-8")
    excluded = set(re.findall(r"'(/api/[^']*)'", sign_in.partition("excludedPaths")[2].partition("]")[0]))
    routes = (INFRA.parent / "function_app.py").read_text(encoding="utf-8")
    anonymous = set()
    for decorator in re.findall(r"^@app\.route\((.*?)\)$", routes, re.MULTILINE | re.DOTALL):
        route = re.findall(r'^(?:route=)?"([^"]*)"', decorator.strip())[0]
        if "ANONYMOUS" in decorator:
            anonymous.add("/api/" + re.sub(r"\{.*", "*", route))
        else:
            assert f"/api/{route}" not in excluded
    assert anonymous
    # The pages that are promised may come later than their exception.
    promised = {"/api/openapi.json", "/api/docs", "/api/docs/*", "/api/dashboard", "/api/dashboard/*"}
    assert anonymous <= excluded <= anonymous | promised


def bicepparam() -> dict[str, str]:
    source = (INFRA / "parameters/main.bicepparam").read_text(encoding="utf-8")
    return dict(re.findall(r"^param (\w+) = (.+)$", source, re.MULTILINE))


def test_the_bicepparam_file_names_the_template() -> None:
    file = INFRA / "parameters/main.bicepparam"
    using = re.findall(r"^using '([^']+)'$", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(file.parent / path).resolve() for path in using] == [main_template().path]


@pytest.mark.parametrize("given", [parameters_file(), bicepparam()], ids=["main.parameters.json", "main.bicepparam"])
def test_a_parameter_file_has_every_required_parameter_and_no_unknown_one(given: dict[str, str]) -> None:
    declared = main_template().parameters
    assert set(given) <= set(declared)
    assert {name for name, parameter in declared.items() if not parameter.has_default} <= set(given)


def test_no_parameter_file_holds_a_secret() -> None:
    for name in ("partnerCenterCredentialValue", "webhookSecret"):
        assert re.fullmatch(r"\$\{[A-Z_]+\}", parameters_file()[name])
        assert re.fullmatch(r"readEnvironmentVariable\('[A-Z_]+', ''\)", bicepparam()[name])


def test_a_default_in_the_parameters_file_is_the_templates_own() -> None:
    main = main_template()
    for name, value in parameters_file().items():
        default = re.fullmatch(r"\$\{[A-Z_]+=(.*)\}", value)
        if default:
            declaration = next(
                node
                for node in main.root.named_children
                if node.type == "parameter_declaration" and text(node.named_children[0]) == name
            )
            assert literal(declaration.named_children[-1]) == default[1], name


def test_every_linter_rule_below_error_has_a_reason() -> None:
    source = (INFRA / "bicepconfig.json").read_text(encoding="utf-8")
    rules = json.loads(re.sub(r"^\s*//.*$", "", source, flags=re.MULTILINE))["analyzers"]["core"]["rules"]
    below_error = [name for name, rule in rules.items() if rule["level"] != "error"]
    assert below_error
    for name in below_error:
        assert re.search(rf"^\s*//\s+{name}  ", source, re.MULTILINE), name


def test_every_check_that_checkov_skips_has_its_reason_above_it() -> None:
    lines = (INFRA / "checkov.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("skip-check:")
    explained = False
    for line in lines[start + 1 :]:
        if line.strip().startswith("#"):
            explained = True
        assert explained, line
