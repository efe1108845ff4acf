/** The kiosk: a screen that anybody walks up to, speaks to, and leaves. */

import { find } from "./dom.js";
import { ExchangeView } from "./exchange-view.js";
import { language, t } from "./i18n.js";
import { suggestions, visit } from "./visit.js";

const IDLE_MS = 90_000;
const FIRST_LANGUAGE = language.current;

const { session, picture, hint, talk } = visit();
const stage = find("#exchange");
const welcome = find("#welcome");
const stop = find("#stop");
const wake = find("#wake");

/** Somebody is before the screen. */
let here = false;

/** The one exchange on the screen: this visitor's latest. */
let current = null;

function show(exchange) {
  if (!exchange.own) return;
  if (current?.exchange === exchange) {
    current.view.update();
  } else {
    const view = new ExchangeView(exchange, {
      onStop: (id) => session.interrupt(id),
      onRetry: ({ question }) => session.ask(question),
    });
    current = { exchange, view };
    stage.replaceChildren(view.root);
  }
  draw();
}

function draw() {
  welcome.hidden = current !== null;
  stage.hidden = current === null;
  wake.hidden = !wakeWords.length || here;
  wake.textContent = t("kiosk.wake", { word: wakeWord() });
  stop.hidden = !current?.exchange.stoppable;
  stop.disabled = Boolean(current?.exchange.stopping);
  stage.scrollTop = current?.exchange.sentences.length > 1 ? stage.scrollHeight : 0;
}

/** The visitor left: the next one finds the page as this one did, and a host who does not know what was said. */
function reset() {
  session.presence(false);
  here = false;
  current = null;
  stage.replaceChildren();
  session.forget();
  hint.say(null);
  if (language.current !== FIRST_LANGUAGE) language.toggle();
  draw();
}

/** What is to be said first, where the room waits for it. */
let wakeWords = [];
function wakeWord() {
  const chinese = (word) => /\p{Script=Han}/u.test(word);
  return wakeWords.find((word) => chinese(word) === (language.current === "zh")) ?? wakeWords[0] ?? "";
}

let idle = 0;
function stayAwake() {
  clearTimeout(idle);
  idle = setTimeout(() => (busy() ? stayAwake() : reset()), IDLE_MS);
}

/** Somebody is here: they touch, they speak, or a sensor says so. */
function arrive() {
  if (!here) session.presence(true);
  here = true;
  stayAwake();
  draw();
}

/** Who hears a storyline out touches nothing. */
let telling = false;

function busy() {
  return telling || Boolean(current?.exchange.stoppable) || talk.state === "listening" || talk.state === "recognising";
}

session.conversation.addEventListener("change", ({ detail }) => show(detail));
session.conversation.addEventListener("change", ({ detail }) => detail.own && stayAwake());
language.addEventListener("change", () => current?.view.update());
language.addEventListener("change", draw);
stop.addEventListener("click", () => session.interrupt(current.exchange.id));
find("#again").addEventListener("click", reset);
addEventListener("pointerdown", arrive);
addEventListener("keydown", arrive);
// Only who asks keeps the conversation going: a full hall is never silent.
session.addEventListener("partial", () => here || arrive());
session.addEventListener("welcome", ({ detail }) => {
  wakeWords = detail.room.wake_words ?? [];
  if (here) session.presence(true); // to a room that has not heard of it
  draw();
});
session.addEventListener("farewell", reset);
session.addEventListener("storylines", ({ detail }) => {
  telling = detail.current !== null;
  stayAwake();
});

suggestions(find("#suggestions"), session, (text, spoken) => session.ask(text, { language: spoken }));

const label = find("#talk .words");
function drawTalk() {
  if (talk.handsFree) label.textContent = t(talk.state === "open" ? "kiosk.close" : "kiosk.open");
  else label.textContent = t(talk.state === "listening" ? "kiosk.release" : "kiosk.hold");
}
session.addEventListener("welcome", drawTalk);
talk.addEventListener("state", drawTalk);
language.addEventListener("change", drawTalk);
drawTalk();

// A kiosk's browser may be told to allow sound at once; any other keeps the unmute button.
let tried = false;
session.player.addEventListener("state", ({ detail }) => {
  if (tried || detail.state !== "live") return;
  tried = true;
  void picture.soundAtOnce();
  void listenAtOnce();
});

/** A kiosk whose browser was given the microphone once listens without a touch, where the room does so. */
async function listenAtOnce() {
  const permission = await navigator.permissions?.query({ name: "microphone" }).catch(() => null);
  if (talk.handsFree && permission?.state === "granted") await talk.open();
}

// A sensor before the screen says who comes and goes: window.everhost.presence(true).
window.everhost.presence = (on) => (on ? arrive() : reset());

draw();
stayAwake();
session.start();
