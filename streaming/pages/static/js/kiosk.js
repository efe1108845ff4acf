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
  stop.hidden = !current?.exchange.stoppable;
  stop.disabled = Boolean(current?.exchange.stopping);
  stage.scrollTop = current?.exchange.sentences.length > 1 ? stage.scrollHeight : 0;
}

/** The visitor left: the next one finds the page as this one did. */
function reset() {
  current = null;
  stage.replaceChildren();
  session.conversation.clear();
  hint.say(null);
  if (language.current !== FIRST_LANGUAGE) language.toggle();
  draw();
}

let idle = 0;
function stayAwake() {
  clearTimeout(idle);
  idle = setTimeout(() => (busy() ? stayAwake() : reset()), IDLE_MS);
}

function busy() {
  return Boolean(current?.exchange.stoppable) || talk.state === "listening" || talk.state === "recognising";
}

session.conversation.addEventListener("change", ({ detail }) => show(detail));
session.conversation.addEventListener("change", ({ detail }) => detail.own && stayAwake());
language.addEventListener("change", () => current?.view.update());
stop.addEventListener("click", () => session.interrupt(current.exchange.id));
find("#again").addEventListener("click", reset);
addEventListener("pointerdown", stayAwake);
addEventListener("keydown", stayAwake);

suggestions(find("#suggestions"), session, (text, spoken) => session.ask(text, { language: spoken }));

const label = find("#talk .words");
const drawTalk = () => (label.textContent = t(talk.state === "listening" ? "kiosk.release" : "kiosk.hold"));
talk.addEventListener("state", drawTalk);
language.addEventListener("change", drawTalk);
drawTalk();

// A kiosk's browser may be told to allow sound at once; any other keeps the unmute button.
let tried = false;
session.player.addEventListener("state", ({ detail }) => {
  if (tried || detail.state !== "live") return;
  tried = true;
  void picture.soundAtOnce();
});

draw();
stayAwake();
session.start();
