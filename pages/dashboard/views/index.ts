// Every view: its route, its title, and its place in the navigation. A view without `nav` is reached by links only.
import type { ComponentType } from "preact";
import type { IconName } from "../components";
import { Cpp } from "./cpp/Cpp";
import { CppOfferView } from "./cpp/CppOfferView";
import { JobView } from "./job";
import { Jobs } from "./jobs";
import { Missing } from "./missing";
import { NewJob } from "./new-job";
import { Offers } from "./offers/Offers";
import { PrivateOffer } from "./offers/PrivateOffer";
import { Overview } from "./overview";
import { SetAside } from "./set-aside";
import { AddWebhook, DeliveryView, EditWebhook, Webhooks, WebhookView } from "./webhooks";

export interface ViewProps {
  /** The values of the pattern's `:names`, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
}

export interface View {
  /** The route, such as `/jobs/:jobId`. */
  readonly pattern: string;
  /** The page's title, unless the view calls useTitle. */
  readonly title: string;
  /** `short` is shown on phones. */
  readonly nav?: { readonly text: string; readonly short?: string; readonly icon: IconName; readonly keys: string };
  readonly component: ComponentType<ViewProps>;
}

export const VIEWS: readonly View[] = [
  { pattern: "/", title: "Overview", nav: { text: "Overview", icon: "overview", keys: "g o" }, component: Overview },
  { pattern: "/jobs", title: "Jobs", nav: { text: "Jobs", icon: "jobs", keys: "g j" }, component: Jobs },
  { pattern: "/jobs/new", title: "Register a job", component: NewJob },
  { pattern: "/jobs/:jobId", title: "Job", component: JobView },
  {
    pattern: "/offers",
    title: "Private offers",
    nav: { text: "Private offers", short: "Offers", icon: "offers", keys: "g f" },
    component: Offers,
  },
  { pattern: "/offers/:id", title: "Private offer", component: PrivateOffer },
  { pattern: "/cpp", title: "CPP offers", nav: { text: "CPP offers", short: "CPP", icon: "cpp", keys: "g c" }, component: Cpp },
  { pattern: "/cpp/:publisherId/:offerId", title: "CPP offer", component: CppOfferView },
  { pattern: "/set-aside", title: "Set aside", component: SetAside },
  { pattern: "/webhooks", title: "Webhooks", nav: { text: "Webhooks", icon: "webhooks", keys: "g w" }, component: Webhooks },
  { pattern: "/webhooks/new", title: "Add an endpoint", component: AddWebhook },
  { pattern: "/webhooks/:webhookId", title: "Endpoint", component: WebhookView },
  { pattern: "/webhooks/:webhookId/edit", title: "Edit the endpoint", component: EditWebhook },
  { pattern: "/webhooks/:webhookId/deliveries/:deliveryId", title: "Delivery", component: DeliveryView },
];

export const NotFound: View = { pattern: "", title: "Not found", component: Missing };
