// Shows the API's description. SwaggerUIBundle comes from the script before this one.
"use strict";

const wantsDark = window.matchMedia("(prefers-color-scheme: dark)");
const followColours = () => document.documentElement.classList.toggle("dark-mode", wantsDark.matches);
wantsDark.addEventListener("change", followColours);
followColours();

SwaggerUIBundle({
  domNode: document.getElementById("viewer"),
  url: "openapi.json",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false, // the key stays in memory
  validatorUrl: null, // nothing is sent to a validator elsewhere
});
