"""Sample private offers with realistic contents, one for each type. All names and ids are invented."""

from sandbox.answers import JsonObject
from sandbox.private_offers import price_resource
from sandbox.schemas import MULTIPARTY_RELEASE, OFFER, SCHEMA_BASE

SAAS_PRODUCT = "d1f6a3b2-41c7-4e58-9a0d-7b2c8e5f6a10"
GOLD_PLAN = "e27b94c5-0f63-4d2a-8c19-5a6d3f7b8e20"
SILVER_PLAN = "16f4b0c8-3d97-4a61-b2e5-9c0d7f3a1e52"
VM_PRODUCT = "f38c05d6-1a74-4e3b-9d20-6b7e408c9f30"
RESERVED_PLAN = "0a9d16e7-2b85-4f4c-8e31-7c8f519da040"
BILLING_ACCOUNT = "bb4f6c2a-7d18-4b95-a3e0-1c5d9f8e7b01:cc5a7d3b-8e29-4ca6-b4f1-2d6ea09f8c12_2019-05-31"
SIGNATURE = "sv=2024-08-04&se=2027-12-31T00%3A00%3A00Z&sr=b&sp=r&sig=c2FuZGJveC1zaWduYXR1cmU%3D"
DOCUMENTS_URL = "https://contosodocs.blob.core.windows.example/terms"


GATEWAY_PRICE = "gatewayPrice"


def signed_link(file_name: str) -> str:
    """A link to a document. It carries a signature, which a client must never log."""
    return f"{DOCUMENTS_URL}/{file_name}?{SIGNATURE}"


def configure_resources(private_offer_type: str, **fields: object) -> list[JsonObject]:
    """The resources of a configure request for a live offer of this type: first its price, if any, then the offer."""
    offer = private_offer_of(private_offer_type, **fields)
    if not any(item.get("priceDetails") == {"resourceName": GATEWAY_PRICE} for item in offer.get("pricing") or []):
        return [offer]
    plan = f"plan/{VM_PRODUCT}/{RESERVED_PLAN}"
    price = price_resource(f"product/{VM_PRODUCT}", plan, "editExistingOfferPricingOnly")
    return [{**price, "resourceName": GATEWAY_PRICE}, offer]


def private_offer_of(private_offer_type: str, **fields: object) -> JsonObject:
    """A live offer of this type as in a configure request, with `fields` changed."""
    offer = {
        "$schema": f"{SCHEMA_BASE}/{OFFER}/{MULTIPARTY_RELEASE}",
        "privateOfferType": private_offer_type,
        "offerPricingType": "editExistingOfferPricingOnly",
        "state": "live",
        "preparedBy": "seller@contoso.example",
        "notificationContacts": ["marketplace-ops@contoso.example"],
        **_CONTENT[private_offer_type],
    }
    return {**offer, **fields}


def _percentage(discount: float) -> JsonObject:
    return {
        "product": f"product/{SAAS_PRODUCT}",
        "productName": "Contoso Field Service",
        "plan": f"plan/{SAAS_PRODUCT}/{GOLD_PLAN}",
        "planName": "Gold",
        "discountType": "percentage",
        "discountPercentage": discount,
    }


_CONTENT: dict[str, JsonObject] = {
    "customerPromotion": {
        "name": "Contoso renewal 2027 for Northwind",
        "variableStartDate": True,
        "end": "2027-12-31",
        "acceptBy": "2027-01-31",
        "termsAndConditionsDocSasUrl": signed_link("northwind-terms.pdf") + "  ",  # trailing spaces are documented
        "beneficiaries": [{"id": BILLING_ACCOUNT, "description": "Northwind Traders"}],
        "pricing": [
            _percentage(2.0),
            {
                "product": f"product/{VM_PRODUCT}",
                "productName": "Contoso Gateway",
                "plan": f"plan/{VM_PRODUCT}/{RESERVED_PLAN}",
                "planName": "Reserved",
                "discountType": "absolute",
                "priceDetails": {"resourceName": GATEWAY_PRICE},
            },
        ],
        "notes": "Renewal agreed by telephone",
    },
    "cspPromotion": {
        "name": "Contoso reseller margin 2027",
        "variableStartDate": False,
        "start": "2027-01-01",
        "end": "2027-12-31",
        "beneficiaries": [
            {
                "id": "dd6b8e4c-9f3a-4db7-85a2-3e7fb1a09d23",
                "description": "Fabrikam Cloud",
                "beneficiaryRecipients": [
                    {"id": "ee7c9f5d-a04b-4ec8-96b3-4f80c2b1ae34", "recipientType": "cspCustomer"}
                ],
            },
            {"id": "ff8da06e-b15c-4fd9-a7c4-5091d3c2bf45", "description": "Tailspin Resale"},
        ],
        "pricing": [_percentage(12.5)],
    },
    "multipartyPromotionOriginator": {
        "name": "Contoso multiparty offer through Adatum",
        "variableStartDate": True,
        "end": "2028-06-30",
        "acceptBy": "2027-03-31",
        "originatorTermsAndConditionsDocs": [
            {
                "sasUrl": signed_link("originator.pdf"),
                "fileName": "originator.pdf",
                "customerFacingDocumentName": "Licence terms",
            }
        ],
        "partners": [{"id": "1a2b3c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d", "partnerName": "Adatum", "location": "US"}],
        "beneficiaries": [{"id": BILLING_ACCOUNT, "description": "Wide World Importers"}],
        "pricing": [_percentage(20.0)],
    },
    "multipartyPromotionChannelPartner": {
        "name": "Adatum resale of Contoso Field Service",
        "variableStartDate": True,
        "end": "2028-06-30",
        "acceptBy": "2027-03-31",
        "termsAndConditionsDocs": [
            {
                "sasUrl": signed_link("reseller.pdf"),
                "fileName": "reseller.pdf",
                "customerFacingDocumentName": "Service terms",
            }
        ],
        "partners": [{"id": "2b3c4d5e-6f70-4b8c-9dae-1f2a3b4c5d6e", "partnerName": "Contoso", "location": "DE"}],
        "beneficiaries": [{"id": BILLING_ACCOUNT, "description": "Wide World Importers"}],
        "originatorPricing": [{**_percentage(20.0), "markupPercentage": 7.5}],
    },
}
