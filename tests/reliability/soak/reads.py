"""What a person with the dashboard, a calendar and a probe read every few hours."""

from tests.reliability.soak.offers import CPP_OFFERS, CPP_PUBLISHER
from tests.reliability.soak.process import SoakedApp

JOBS_ON_A_PAGE = 200
# Upstream may be in trouble, and an offer may be gone.
_OF_UPSTREAM = (404, 502, 503)


def read(app: SoakedApp) -> None:
    """Call everything that reads."""
    app.call("health.read", also=(503,))
    app.call("health.details", also=(503,))
    app.call("stats.read", query={"days": "90"})
    app.call("set_aside.list")
    app.call("watch.list", query={"limit": "100"})
    app.call("watch.calendar")
    app.call("webhooks.list")
    jobs = _every_job(app)
    for job in jobs[:3]:
        route = {"jobId": job["jobId"]}
        app.call("jobs.read", route=route)
        app.call("timelines.read", route=route)
        app.call("jobs.private_offer", route=route, also=(409, 410, *_OF_UPSTREAM))
    offers = app.call("private_offers.list", query={"limit": "100"}, also=_OF_UPSTREAM)
    for offer in (offers.json.get("privateOffers") or [])[:2]:
        route = {"privateOfferId": offer["id"]}
        app.call("private_offers.read", route=route, also=_OF_UPSTREAM)
        app.call("watch.history", route=route, also=(404,))
    cpp = {"publisherId": CPP_PUBLISHER, "offerId": CPP_OFFERS[0]}
    app.call("cpp_offers.read", route=cpp, also=_OF_UPSTREAM)
    app.call("cpp_offers.status", route=cpp, also=_OF_UPSTREAM)
    app.call("cpp_offers.diff", route=cpp, also=_OF_UPSTREAM)
    app.call("cpp_offers.list", route={"publisherId": CPP_PUBLISHER}, also=_OF_UPSTREAM)
    app.call("offer_details.read", query=cpp, also=_OF_UPSTREAM)


def _every_job(app: SoakedApp) -> list[dict[str, str]]:
    jobs: list[dict[str, str]] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"state": "all", "limit": str(JOBS_ON_A_PAGE)} | ({"cursor": cursor} if cursor else {})
        page = app.call("jobs.list", query=query).json
        jobs += page["jobs"]
        cursor = page["nextCursor"]
    return jobs
