import { render } from "preact";
import { App } from "./App";
import { keyStore, readKey } from "./key";
import { startShortcuts } from "./keys";
import { forgetData } from "./refresh";
import { forgetKept, startRouter } from "./router";

// The key is read before the router reads the address, here and when a second link with a key is opened in this tab.
readKey();
addEventListener("hashchange", () => location.hash.startsWith("#key=") && readKey());
startRouter();
// Another key may read other data.
keyStore.subscribe(() => {
  forgetData();
  forgetKept();
});
startShortcuts();
const place = document.getElementById("app");
if (place !== null) {
  render(<App />, place);
}
