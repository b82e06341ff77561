// The console: a wall of the live streams, a page for each, and what was recorded. It reads the API that programs have;
// playing needs nothing but what any player needs.
import { base, EVERY_MS, main, NoToken, showStale, summary, tokenPage, wait } from "./page.js";
import { showRecordings } from "./recordings_page.js";
import { showStream } from "./stream_page.js";
import { showWall } from "./wall.js";

for (const link of document.querySelectorAll("nav a")) {
  if (new URL(link.href).pathname === location.pathname) link.setAttribute("aria-current", "page");
}

async function show() {
  const name = location.pathname.slice(base.length).replace(/^\/|\/$/g, "")
    .split("/").map(decodeURIComponent).join("/");
  if (name !== "" && name !== "recordings") return showStream(name);
  try {
    await (name === "" ? showWall() : showRecordings());
  } catch (error) {
    if (error instanceof NoToken) {
      summary.textContent = "";
      showStale(false);
      main.replaceChildren(tokenPage(show));
      document.getElementById("token").focus();
      return;
    }
    summary.textContent = `${error.message}. Trying again`;
    showStale(true);
    await wait(EVERY_MS);
    await show();
  }
}

show();
