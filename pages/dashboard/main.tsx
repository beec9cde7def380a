import { render } from "preact";
import { App } from "./App";
import { readKey } from "./key";
import { startShortcuts } from "./keys";
import { startRouter } from "./router";

readKey(); // before the router, which would take the key for a path
startRouter();
startShortcuts();
const place = document.getElementById("app");
if (place !== null) {
  render(<App />, place);
}
// A new key in the address of the open page, as a second link in a chat message brings it.
addEventListener("hashchange", () => location.hash.startsWith("#key=") && readKey());
