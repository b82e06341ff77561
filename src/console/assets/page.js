// What all pages of the console are made with: elements, the API, its token.

/** What stands in front of all paths. */
export const base = document.body.dataset.base;
/** The page's own part, and the line at its head. */
export const main = document.getElementById("main");
export const summary = document.getElementById("summary");
/** How often a page asks again, milliseconds. */
export const EVERY_MS = 2000;

const TOKEN = "weir token";

let token = keptToken();

/** The token that this page was given before; where the browser keeps nothing for pages, it is given anew. */
function keptToken() {
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

function keepToken(given) {
  token = given;
  try {
    sessionStorage.setItem(TOKEN, given);
  } catch {
    // It lasts as long as the page.
  }
}

// The token comes in the fragment, which no server and no page of another origin sees, and goes from the address.
const given = /^#token=(.+)$/.exec(location.hash);
if (given !== null) {
  keepToken(decodeURIComponent(given[1]));
  history.replaceState(null, "", location.pathname + location.search);
}

/** Makes an element; text is never read as HTML. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== undefined && value !== false) {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** The API asks who it is. */
export class NoToken extends Error {}

/** The header that shows the token, where there is one. */
export function credentials() {
  return token === null ? {} : { authorization: `Bearer ${token}` };
}

/** Asks the server, by a path of it. */
export function ask(path, init) {
  return fetch(`${base}/${path}`, init).catch(() => {
    throw new Error(statusText(0));
  });
}

/** What would fail in the same way again. */
export class LastingError extends Error {}

/** Whether a request that was answered so would be again, whatever the stream does. */
export function isLasting(status) {
  return status >= 400 && status < 500 && ![404, 408, 425, 429].includes(status);
}

/** Throws what the server says where it has refused something. */
export async function throwUnlessOk(answer) {
  if (answer.ok) return;
  const { status } = answer;
  const reason = (await answer.json().catch(() => ({}))).reason ?? statusText(status);
  throw isLasting(status) ? new LastingError(reason) : new Error(reason);
}

const STATUS_TEXTS = {
  0: "The server does not answer",
  401: "This needs a password, or a token in the address: ?token=",
  403: "This is not allowed",
  404: "The stream is not live",
};

/** What a status of HTTP is in words, where nothing else is known of it; 0 where nothing has answered. */
export function statusText(status) {
  return STATUS_TEXTS[status] ?? `The server answers ${status}`;
}

/** Asks the API. */
export async function api(path, method = "GET") {
  const headers = credentials();
  const answer = await ask(`v1${path === "" ? "" : `/${path}`}`, { method, headers });
  if (answer.status === 401 || answer.status === 403) {
    throw new NoToken("The token is not accepted");
  }
  await throwUnlessOk(answer);
  return answer.status === 204 ? undefined : await answer.json();
}

/** A stream's name as a path. */
export const encoded = (name) => name.split("/").map(encodeURIComponent).join("/");

/** A page of it alone, which asks for the token. */
export function tokenPage(onGiven) {
  return make(
    "div",
    { class: "empty" },
    make("h1", {}, "What is live is for who has the token"),
    make("p", {}, "A stream's own page plays without it."),
    tokenForm(onGiven),
  );
}

/** Asks for the token. */
export function tokenForm(onGiven) {
  const isWrong = token !== null;
  const input = make("input", {
    ...{ type: "password", id: "token", autocomplete: "off", size: 32, required: true },
    "aria-describedby": "token-help",
    "aria-invalid": String(isWrong),
  });
  return make(
    "form",
    {
      class: "row token",
      submit: (event) => {
        event.preventDefault();
        keepToken(input.value);
        onGiven();
      },
    },
    make("label", { for: "token" }, "Token of the API"),
    input,
    make("button", { type: "submit" }, "Open"),
    isWrong
      ? make("span", { class: "error", role: "alert" }, "The token is not accepted")
      : undefined,
    make(
      "p",
      { id: "token-help", class: "faint" },
      "weir prints it as it starts, behind the address of the console, or an operator has set it.",
    ),
  );
}

/** A button that copies what `text` returns, and says so for a moment. */
export function copyButton(title, { text, code }) {
  const button = make("button", {
    type: "button",
    "aria-label": `Copy ${title}`,
    click: async () => {
      clearTimeout(button.timer);
      // Browsers let pages of HTTPS and of this machine copy alone, so elsewhere it is selected.
      try {
        await navigator.clipboard.writeText(text());
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
      button.timer = setTimeout(() => button.textContent = "Copy", 2000);
    },
  }, "Copy");
  return button;
}

/** A command to copy. */
export function command(title, text) {
  const code = make("code", {}, text);
  return make(
    "div",
    { class: "command" },
    make("pre", { tabindex: 0, "aria-label": title }, code),
    copyButton(title, { text: () => text, code }),
  );
}

/** Shows whether what the page shows is of before: the server does not answer. */
export function showStale(isStale) {
  document.body.classList.toggle("stale", isStale);
}

/** Waits. */
export function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
