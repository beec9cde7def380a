// The calls of webhooks, and the names of what they answer with.
import { answer, api, type Webhook } from "../../api";
import type { PageOf } from "../../pages";
import type { components } from "../../schema";

type Schemas = components["schemas"];
export type Attempt = Schemas["AttemptRecord"];
export type Delivery = Schemas["DeliveryRecord"];
export type DeliveryStatus = Schemas["DeliveryStatusName"];
export type DeliveryWithBody = Schemas["DeliveryWithBody"];
export type EventType = Schemas["EventType"];
export type Format = Schemas["FormatName"];
export type NewWebhook = Schemas["NewWebhook"];
export type TestResult = Schemas["TestRecord"];
export type WebhookChange = Schemas["WebhookChange"];
export type WebhookWithSecret = Schemas["WebhookWithSecret"];

export interface DeliveryFilter {
  readonly status?: DeliveryStatus | undefined;
  readonly type?: EventType | undefined;
  readonly jobId?: string | undefined;
}

const at = (webhookId: string) => ({ path: { webhookId } });

export const listWebhooks = (signal: AbortSignal): Promise<readonly Webhook[]> =>
  answer(api.GET("/webhooks", { signal })).then(({ webhooks }) => webhooks);

export const readWebhook = (webhookId: string, signal: AbortSignal): Promise<Webhook> =>
  answer(api.GET("/webhooks/{webhookId}", { signal, params: at(webhookId) }));

export const addWebhook = (body: NewWebhook): Promise<WebhookWithSecret> => answer(api.POST("/webhooks", { body }));

export const changeWebhook = (webhookId: string, body: WebhookChange): Promise<Webhook> =>
  answer(api.PATCH("/webhooks/{webhookId}", { params: at(webhookId), body }));

export async function removeWebhook(webhookId: string): Promise<void> {
  await answer(api.DELETE("/webhooks/{webhookId}", { params: at(webhookId) }));
}

export const testWebhook = (webhookId: string): Promise<TestResult> =>
  answer(api.POST("/webhooks/{webhookId}/test", { params: at(webhookId) }));

export const rotateSecret = (webhookId: string): Promise<WebhookWithSecret> =>
  answer(api.POST("/webhooks/{webhookId}/rotate-secret", { params: at(webhookId) }));

/** A page of deliveries, newest first. */
export async function listDeliveries(
  webhookId: string,
  { status, type, jobId }: DeliveryFilter,
  page: { limit: number; cursor?: string | null },
  signal: AbortSignal,
): Promise<PageOf<Delivery>> {
  const query = {
    limit: page.limit,
    ...(page.cursor && { cursor: page.cursor }),
    ...(status && { status }),
    ...(type && { type }),
    ...(jobId && { jobId }),
  };
  const { deliveries, nextCursor } = await answer(
    api.GET("/webhooks/{webhookId}/deliveries", { signal, params: { ...at(webhookId), query } }),
  );
  return { items: deliveries, nextCursor };
}

export const readDelivery = (webhookId: string, deliveryId: string, signal: AbortSignal): Promise<DeliveryWithBody> =>
  answer(api.GET("/webhooks/{webhookId}/deliveries/{deliveryId}", { signal, params: { path: { webhookId, deliveryId } } }));

/** Send a delivery again now; the delivery afterwards. */
export const redeliver = (webhookId: string, deliveryId: string): Promise<Delivery> =>
  answer(
    api.POST("/webhooks/{webhookId}/deliveries/{deliveryId}/redeliver", {
      params: { path: { webhookId, deliveryId } },
    }),
  );

/** Schedule dead deliveries again: all, or those of a type or created at `since` or later. How many there were. */
export async function redeliverDead(webhookId: string, { type, since }: { type?: EventType | undefined; since?: string | undefined }) {
  const body = { status: "dead" as const, ...(type && { type }), ...(since && { since }) };
  const { scheduled } = await answer(api.POST("/webhooks/{webhookId}/redeliver", { params: at(webhookId), body }));
  return scheduled;
}
