// Opens the docs page in Chromium, enters a key, tries calls, and prints what was seen as JSON.
//
//   node tests/pages/read_docs.mjs <browser> <address of the page> <key> <operation id> ...
import process from "node:process";
import { chromium } from "playwright-core";

const [, , executablePath, address, key, ...names] = process.argv;
// Without these, the browser asks its maker's servers for updates.
const quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", ...quiet] });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(20_000);
  const seen = { complaints: [], requests: [] };
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && seen.complaints.push(message.text()));
  page.on("pageerror", (error) => seen.complaints.push(String(error)));
  page.on("requestfailed", (request) => seen.complaints.push(`${request.url()}: ${request.failure().errorText}`));
  page.on("request", (request) => seen.requests.push(request.url()));

  await page.goto(address);
  await page.locator(".opblock").first().waitFor();
  seen.title = await page.locator(".info .title").innerText();
  const summaries = (within) => page.locator(`${within} .opblock-summary-description`).allInnerTexts();
  seen.webhooks = await summaries(".webhooks");
  seen.operations = (await summaries(".swagger-ui")).filter((summary) => !seen.webhooks.includes(summary));

  await page.locator(".btn.authorize").first().click();
  const field = page.locator(".auth-container input").first();
  await field.fill(key);
  await field.press("Enter");
  await page.locator(".btn-done").first().click();

  seen.answers = {};
  for (const name of names) {
    const operation = page.locator(`.opblock[id$="-${name}"]`);
    await operation.locator(".opblock-summary-control").click();
    await operation.locator(".try-out__btn").click();
    await operation.locator(".execute").click();
    const answer = operation.locator(".live-responses-table tr.response");
    seen.answers[name] = [
      await answer.locator(".response-col_status").innerText(),
      await answer.locator(".microlight").first().innerText(),
    ];
  }
  for (const webhook of await page.locator(".webhooks .opblock-summary-control").all()) {
    await webhook.click();
  }
  for (const schema of await page.locator(".models .json-schema-2020-12-accordion").all()) {
    await schema.click();
  }
  seen.kept = await page.evaluate(() => ({ ...localStorage, ...sessionStorage, cookies: document.cookie }));
  if (process.env.SCREENSHOT) {
    await page.screenshot({ path: process.env.SCREENSHOT, fullPage: true });
  }
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}
