/** What the viewer page and the kiosk have in common: a session on this page's room, shown and told about. */

import { element, find } from "./dom.js";
import { HintView, talkHint } from "./hint-view.js";
import { known, language, pick, t, translate } from "./i18n.js";
import { PictureView } from "./picture-view.js";
import { Session, roomOf } from "./session.js";
import { StatusView } from "./status-view.js";
import { Talk } from "./talk.js";

const VOICE_HAS_THE_WORD = new Set(["asking", "listening", "recognising", "open"]);

/** Builds the parts every room page has, and returns them; `session.start()` is left to the page. */
export function visit() {
  translate();
  const session = new Session({
    room: roomOf(location.pathname),
    video: find("video"),
    line: find(".caption span"),
  });
  const picture = new PictureView(find(".picture"), session);
  const hint = new HintView(find("#hint"));
  const talk = new Talk(find("#talk"), {
    send: (message) => session.signalling.send(message),
    player: session.player,
  });
  new StatusView(find("#status"), session);
  hearing(session, talk, picture, hint);
  greeting(session);
  storylines(find("#storylines"), session, hint);
  hostState(session);
  find("#language").addEventListener("click", () => language.toggle());
  expose(session);
  return { session, picture, hint, talk };
}

/** Push-to-talk, from the button to what was understood. */
function hearing(session, talk, picture, hint) {
  talk.addEventListener("state", ({ detail }) => {
    picture.hush(detail.state === "listening");
    const tone = detail.state === "failed" ? "bad" : talk.hears ? "active" : "plain";
    hint.say(talkHint(detail, t), { tone, stay: VOICE_HAS_THE_WORD.has(detail.state) });
  });
  session.addEventListener("partial", ({ detail }) => talk.hear(detail.id, detail.text));
  session.addEventListener("recognised", ({ detail }) => talk.finish(detail.id, detail.text));
  session.addEventListener("refused", ({ detail }) => {
    // A typed question shows its refusal itself; an utterance that became no question has this line only.
    if (talk.refuse(detail.id)) hint.say(() => known("rejected", detail.code, pick(detail.reason)), { tone: "bad" });
  });
  session.addEventListener("trouble", ({ detail }) => {
    talk.refuse(detail.id);
    hint.say(() => known("trouble", detail.code, detail.message), { tone: "bad" });
  });
  session.addEventListener("welcome", ({ detail }) => (talk.handsFree = detail.room.microphones === "open"));
  session.addEventListener("link", ({ detail }) => {
    if (detail.signal.state === "waiting") talk.abandon();
    else if (detail.picture.state === "live") void talk.reopen();
  });
}

/** The room's names and what it must say of itself. */
function greeting(session) {
  let room = null;
  const draw = () => {
    if (!room) return;
    document.title = `${pick(room.title)} · everhost`;
    find("#title").textContent = pick(room.title);
    find("#host").textContent = pick(room.host);
    find("#ai-notice").textContent = pick(room.ai_notice);
    find("#disclaimer").textContent = pick(room.disclaimer);
  };
  session.addEventListener("welcome", ({ detail }) => {
    room = detail.room;
    draw();
  });
  language.addEventListener("change", draw);
}

function hostState(session) {
  const label = find("#host-state");
  const draw = () => {
    label.dataset.state = session.host;
    find(".words", label).textContent = known("host", session.host, t("host.idle"));
  };
  session.addEventListener("welcome", () => (label.hidden = false));
  session.addEventListener("host", draw);
  language.addEventListener("change", draw);
  draw();
}

/** The room's suggested questions as buttons; `onAsk(text, language)`. */
export function suggestions(root, session, onAsk) {
  let offered = {};
  const draw = () => {
    const current = offered[language.current]?.length ? language.current : language.other;
    const questions = offered[current] ?? [];
    const button = (text) => element("button", { class: "suggestion", type: "button", text, onclick: () => onAsk(text, current) });
    find(".list", root).replaceChildren(...questions.map(button));
    root.hidden = questions.length === 0;
  };
  session.addEventListener("welcome", ({ detail }) => {
    offered = detail.room.suggestions ?? {};
    draw();
  });
  language.addEventListener("change", draw);
}

/** What the host can be told to tell, as buttons; the one that is told is pressed, and left when it is pressed again. */
function storylines(root, session, hint) {
  let offered = [];
  let current = null;
  let choice = null;
  const list = find(".list", root);
  const button = ({ name, title }) => {
    const onclick = () => (choice = session.choose(name === current ? null : name));
    return element("button", { class: "suggestion", type: "button", text: pick(title), value: name, onclick });
  };
  const mark = () => {
    for (const one of list.children) one.setAttribute("aria-pressed", String(one.value === current));
  };
  const draw = () => {
    list.replaceChildren(...offered.map(button));
    root.hidden = offered.length === 0;
    mark();
  };
  session.addEventListener("storylines", ({ detail }) => {
    const same = JSON.stringify(detail.offered) === JSON.stringify(offered);
    ({ offered, current } = detail);
    if (same) mark(); // the button that was pressed keeps the focus
    else draw();
  });
  session.addEventListener("refused", ({ detail }) => {
    if (detail.id === choice) hint.say(() => known("rejected", detail.code, pick(detail.reason)), { tone: "bad" });
  });
  language.addEventListener("change", draw);
}

/** For tests, tools and the curious: how this visit is going. */
function expose(session) {
  window.everhost = {
    get state() {
      return {
        signal: session.link.signal.state,
        picture: session.link.picture.state,
        reason: session.link.picture.reason ?? session.link.signal.reason,
        host: session.host,
        room: session.status?.state ?? null,
        tick: session.clock.tick(performance.now()),
      };
    },
    get viewer() {
      return session.viewer;
    },
    stats: () => session.player.stats(),
  };
}
