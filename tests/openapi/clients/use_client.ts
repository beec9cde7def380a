// Uses the generated TypeScript client. Its arguments: the app's address, a job's id. Writes what it read, as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };
const [address, jobId] = process.argv.slice(2) as [string, string];
const client = createClient<paths>({ baseUrl: `${address}/api`, headers: { "x-functions-key": "local" } });

const registered = await client.POST("/jobs", { body: { jobId, operation: "create", label: "Contoso renewal" } });
if (registered.response.status !== 202 || registered.data === undefined || !("state" in registered.data)) {
  throw new Error("the job was not registered");
}
const state: components["schemas"]["JobState"] = registered.data.state;

const pending = await client.GET("/jobs/{jobId}/private-offer", { params: { path: { jobId } } });
const jobs = await client.GET("/jobs", { params: { query: { state: "pending,failed", label: "renewal", limit: 10 } } });
const unknown = await client.GET("/jobs/{jobId}", { params: { path: { jobId: "00000000-0000-0000-0000-000000000000" } } });
if (pending.error === undefined || unknown.error === undefined || jobs.data === undefined) {
  throw new Error("an answer was not what it should be");
}
// @ts-expect-error No operation has this name: the types of the description hold.
void client.POST("/jobs", { body: { jobId, operation: "rename" } });

console.log(
  JSON.stringify({
    isPending: state === "pending",
    offer: pending.error.detail,
    listed: jobs.data.jobs.map((job) => job.jobId),
    unknown: [unknown.response.status, unknown.error.type, unknown.error.detail],
  }),
);
