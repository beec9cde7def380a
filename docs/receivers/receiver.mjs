// A webhook receiver in Node.
//
//   npm install standardwebhooks
//   WEBHOOK_SECRET=whsec_... PORT=3000 node receiver.mjs

import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const webhook = new Webhook(process.env.WEBHOOK_SECRET);
const handled = new Set(); // in production: a table with the webhook-id as its key

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let event;
  try {
    // The signature covers the unchanged body: verify before parsing.
    event = webhook.verify(Buffer.concat(chunks).toString("utf8"), request.headers);
  } catch {
    response.writeHead(400).end("the signature does not match");
    return;
  }
  const webhookId = request.headers["webhook-id"];
  if (!handled.has(webhookId)) {
    handle(event);
    handled.add(webhookId);
  }
  response.writeHead(204).end();
});

// Your own code. Put work that takes more than a few seconds into a queue.
function handle(event) {
  const job = event.data.job ?? {};
  console.log(event.type, job.jobId ?? "", job.label ?? "");
}

server.listen(Number(process.env.PORT ?? 3000), () => console.log("listening"));
