// The views of webhooks.
export { DeliveryView } from "./delivery";
export { WebhookView } from "./endpoint";
export { AddWebhook, EditWebhook } from "./form";
export { Webhooks } from "./list";
