"""What each picture shows: a view at a size, in a colour scheme, down to some height."""

from dataclasses import dataclass

DESKTOP_WIDTH = 1200
PHONE_WIDTH = 390


@dataclass(frozen=True, kw_only=True)
class Picture:
    """`route` may have names of `Monitor.ids` in braces. `height` is what is shown of the view, in CSS pixels."""

    name: str
    route: str
    height: int
    width: int = DESKTOP_WIDTH
    scheme: str = "light"


PICTURES = (
    Picture(name="overview", route="/", height=640),
    Picture(name="overview-dark", route="/", height=640, scheme="dark"),
    Picture(name="jobs", route="/jobs", height=742),
    Picture(name="job", route="/jobs/{upgraded}", height=960),
    Picture(name="job-failed-dark", route="/jobs/{failed}", height=850, scheme="dark"),
    Picture(name="private-offers", route="/offers", height=838),
    Picture(name="cpp-offer", route="/cpp/contoso/contoso-gateway", height=1112),
    Picture(name="delivery-dark", route="/webhooks/{webhook}/deliveries/{delivery}", height=760, scheme="dark"),
    Picture(name="phone", route="/jobs", height=760, width=PHONE_WIDTH),
    Picture(name="phone-dark", route="/jobs/{failed}", height=760, width=PHONE_WIDTH, scheme="dark"),
)
