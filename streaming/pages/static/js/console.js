/** The operator's page: how things are, speaking through a host, and what the rooms know. */

import { DocumentsView } from "./documents-view.js";
import { element, find } from "./dom.js";
import { condition, language, pick, t, translate } from "./i18n.js";
import { WhipError, WhipSession } from "./whip.js";

const REFRESH_MS = 3_000;
const TOKEN = "everhost.operator";

/** Who speaks through which room now: { room, session }. */
let speaking = null;

let seen = { health: null, rooms: [], at: null };

async function refresh() {
  try {
    // A degraded service may answer 503, and its body still says what is missing.
    const [health, rooms] = await Promise.all(["/healthz", "/api/rooms"].map((path) => fetch(path)));
    seen = { health: await health.json(), rooms: await rooms.json(), at: new Date() };
  } catch {
    seen = { ...seen, health: null };
  }
  draw();
}

function draw() {
  const { health, rooms, at } = seen;
  const word = health?.status ?? null;
  const state = health === null ? "gone" : word === "degraded" ? "degraded" : "ok";
  find("#health").dataset.state = state;
  find("#health .words").textContent = t(`console.${state}`);
  find("#raw").textContent = health === null ? "" : JSON.stringify(health, null, 2);
  find("#updated").textContent = at ? t("console.updated", { time: at.toLocaleTimeString(document.documentElement.lang) }) : "";
  const conditions = new Map((health?.rooms ?? []).map((room) => [room.id, room]));
  // Only what has changed is drawn anew: a button that is being pressed, or has the focus, stays.
  const [body, rows] = [find("#rooms tbody"), rooms.map((room) => row(room, conditions.get(room.id)))];
  const same = rows.length === body.children.length && rows.every((one, i) => one.isEqualNode(body.children[i]));
  if (!same) body.replaceChildren(...rows);
  find("#none").hidden = rooms.length > 0;
  documents.offer(rooms.map(({ id, title }) => ({ id, name: pick(title) })));
}

function row({ id, title, host, state }, now) {
  return element(
    "tr",
    {},
    element("td", {}, element("a", { href: `/rooms/${encodeURIComponent(id)}`, text: pick(title) })),
    element("td", { text: pick(host) }),
    element("td", { text: condition(state) }),
    element("td", {}, ...(now?.outlets ?? []).map(outlet)),
    element("td", {}, speakButton(id)),
  );
}

function speakButton(room) {
  const on = speaking?.room === room;
  const button = element("button", { type: "button", class: "speak", text: t(on ? "console.stop" : "console.speak") });
  button.setAttribute("aria-pressed", String(on));
  button.disabled = speaking !== null && !on;
  button.addEventListener("click", () => (on ? hangUp() : void speak(room)));
  return button;
}

async function speak(room) {
  const token = keptToken();
  if (!token) return say("console.need_token");
  let track;
  try {
    const audio = { echoCancellation: true, noiseSuppression: true, channelCount: 1 };
    [track] = (await navigator.mediaDevices.getUserMedia({ audio })).getAudioTracks();
  } catch {
    return say("console.need_microphone");
  }
  const session = new WhipSession(track, token);
  speaking = { room, session };
  draw();
  try {
    await session.begin(`/rooms/${encodeURIComponent(room)}/whip`);
    session.onEnd(() => speaking?.session === session && hangUp());
    say("console.speaking");
  } catch (error) {
    hangUp();
    say(`console.whip.${error instanceof WhipError ? error.reason : "refused"}`);
  }
}

/** As it stands in its field; kept until the tab is closed. */
function keptToken() {
  const token = find("#token").value.trim();
  sessionStorage.setItem(TOKEN, token);
  return token;
}

function hangUp() {
  speaking?.session.end();
  speaking = null;
  say("console.silent");
  draw();
}

function say(key) {
  const line = find("#floor");
  line.dataset.i18n = key;
  line.textContent = t(key);
}

/** A push or recording: whether it is live, and why not. */
function outlet({ name, state, error }) {
  const words = [name, t(`console.outlet.${state}`), error].filter(Boolean).join(" · ");
  const shown = { live: "ok", connecting: "degraded", waiting: "gone" }[state];
  return element("p", { class: "health", "data-state": shown }, element("i", { class: "dot" }), element("span", { text: words }));
}

translate();
find("#token").value = sessionStorage.getItem(TOKEN) ?? "";
const documents = new DocumentsView(find("#documents"), keptToken);
find("#token").addEventListener("change", () => void documents.refresh());
window.addEventListener("pagehide", () => speaking?.session.end());
find("#language").addEventListener("click", () => language.toggle());
language.addEventListener("change", draw);
void refresh();
setInterval(() => document.hidden || void refresh(), REFRESH_MS);
