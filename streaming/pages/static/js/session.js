/** A visit to a room: its messages, its picture, its clock, held together by the viewer's id. */

import { CaptionOverlay } from "./captions.js";
import { MediaClock } from "./clock.js";
import { Conversation } from "./conversation.js";
import { Player } from "./player.js";
import { Signalling } from "./signalling.js";

/** A question that the room has not settled by then has failed. */
const SETTLED_MS = 60_000;

/**
 * Events: `welcome` (detail: the room's greeting), `status` (detail: {state, missing}), `host` (detail: state),
 * `link` (the connection or the picture changed), `trouble` (detail: {id, code, message}), `recognised` and `partial`
 * (detail: {id, text}), `storylines` (detail: {offered: [{name, title}], current}), `card` (detail: {title, text, footer, link}; no title: none any more), `refused` (detail: {id, code, reason}), `farewell` (the visitor said goodbye).
 */
export class Session extends EventTarget {
  #asked = 0;
  #chosen = 0;
  /** Questions of which the room has not said yet what becomes of them, by their ids. */
  #unsettled = new Map();
  #iceServers = [];
  /** What a private room asks for: at first what the page was opened with, then what the room gives to come back with. */
  #pass = pass();

  /** `room`: the id as it stands in the address; `video`, `line`: where picture and captions go. */
  constructor({ room, video, line }) {
    super();
    this.room = room;
    this.viewer = null;
    this.host = "idle";
    this.status = null;
    this.clock = new MediaClock();
    this.captions = new CaptionOverlay(video, line, this.clock);
    this.conversation = new Conversation();
    this.player = new Player(video);
    this.signalling = new Signalling(room, () => this.#pass);
    this.link = { signalling: this.signalling, player: this.player, signal: idle(), picture: idle() };

    this.signalling.addEventListener("message", (event) => this.#receive(event.detail));
    this.signalling.addEventListener("state", (event) => this.#linked("signal", event.detail));
    this.player.addEventListener("state", (event) => this.#linked("picture", event.detail));
    this.player.addEventListener("joining", () => {
      this.clock.reset();
      this.signalling.doubt();
    });
    addEventListener("pagehide", () => this.stop());
    // A page taken back from the browser's cache has lost both connections.
    addEventListener("pageshow", (event) => event.persisted && this.start());
  }

  start() {
    this.signalling.start();
  }

  stop() {
    this.viewer = null;
    this.player.stop();
    this.signalling.stop();
  }

  /** Ask the room. `language` null: the room finds out. */
  ask(question, { name = "", language = null } = {}) {
    const id = `c${++this.#asked}`;
    this.conversation.ask(id, { question, name });
    const message = { type: "ask", id, text: question, language };
    if (name) message.name = name;
    this.#insist(id, message);
    this.signalling.send(message);
  }

  /** Forget what was said here, as a kiosk does for its next visitor. */
  forget() {
    this.#unsettled.clear();
    this.conversation.clear();
  }

  /**
   * Ask again whenever the connection comes back, until it is settled what becomes of the question: the same words
   * under the same id are one question to the room.
   */
  #insist(id, message) {
    this.#unsettled.set(id, message);
    setTimeout(() => this.#settle(id) && this.conversation.fail(id), SETTLED_MS);
  }

  #settle(id) {
    return this.#unsettled.delete(id);
  }

  /** Somebody stands before this screen, or nobody any more: the next one is a stranger. */
  presence(here) {
    this.signalling.send({ type: "presence", here });
  }

  /** Have the host tell this storyline; null: leave it. Returns the choice's id, by which it may be refused. */
  choose(storyline) {
    const id = `s${++this.#chosen}`;
    this.signalling.send({ type: "choose", id, storyline });
    return id;
  }

  /** Stop the host in this answer. */
  interrupt(id) {
    if (this.signalling.send({ type: "interrupt", id })) this.conversation.interrupting(id);
  }

  /** Whoever is muted asks to be heard again; `clientId` is of the question that was not taken for it. */
  appeal(clientId, text) {
    this.signalling.send({ type: "appeal", id: clientId, text });
  }

  #receive(message) {
    if (this.conversation.receive(message)) this.#afterConversation(message);
    else this.#handlers[message.type]?.(message);
  }

  #afterConversation({ type, id, question = id, code, reason }) {
    this.#settle(id);
    if (type === "rejected") this.#emit("refused", { id, code, reason });
    if (type === "skipped") this.captions.drop(question);
  }

  #handlers = {
    welcome: (message) => this.#welcome(message),
    status: (message) => this.#setStatus(message),
    clock: ({ rtp, tick }) => this.clock.anchor(rtp, tick, performance.now()),
    caption: (message) => this.captions.add(message),
    card: (message) => this.#emit("card", message),
    storylines: (message) => this.#emit("storylines", message),
    host: ({ state }) => this.#setHost(state),
    farewell: () => this.#emit("farewell"),
    "asr.partial": ({ id, text }) => this.#emit("partial", { id, text }),
    "asr.final": ({ id, text }) => {
      // The room goes on to ask this question for the viewer, under the same id.
      if (text) {
        this.conversation.ask(id, { question: text });
        this.#insist(id, null); // said again, it would be another question
      }
      this.#emit("recognised", { id, text });
    },
    error: ({ id, code, message }) => {
      if (this.#settle(id)) this.conversation.fail(id);
      this.#emit("trouble", { id, code, message });
    },
  };

  #welcome(message) {
    this.#iceServers = message.ice_servers ?? [];
    if (message.pass) this.#pass = { token: message.pass };
    const same = ["", message.viewer].includes(this.signalling.viewer);
    this.conversation.welcome(message.recent ?? [], { same });
    if (!same) this.#unsettled.clear();
    for (const question of this.#unsettled.values()) if (question) this.signalling.send(question);
    this.signalling.viewer = message.viewer;
    this.#emit("welcome", message);
    if (message.status) this.#setStatus(message.status);
    if (message.host) this.#setHost(message.host);
    if (message.card) this.#emit("card", message.card);
    if (message.storylines) this.#emit("storylines", message.storylines);
    if (this.viewer === message.viewer && this.player.state !== "idle") return;
    // Picture, microphone and messages belong to one viewer: a new id takes a new session.
    this.viewer = message.viewer;
    const query = new URLSearchParams({ viewer: this.viewer, rendition: rendition(), ...this.#pass });
    this.player.start(`/rooms/${this.room}/whep?${query}`, this.#iceServers);
  }

  #setHost(state) {
    this.host = state;
    this.#emit("host", state);
  }

  #setStatus({ state, missing = [] }) {
    this.status = { state, missing };
    this.#emit("status", this.status);
  }

  #linked(which, detail) {
    this.link[which] = detail;
    this.#emit("link", this.link);
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

function idle() {
  return { state: "idle", reason: null, retryMs: 0 };
}

/** The room this page is about, as it stands in the address. */
export function roomOf(pathname) {
  return pathname.match(/^\/rooms\/([^/]+)/)?.[1] ?? "";
}

/** The pass to a private room, where the page was opened with one: after a #, which browsers tell nobody. */
export function pass() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  return token ? { token } : {};
}

/** Which picture to ask for: what the page's address says, or the lighter one where the viewer saves data. */
function rendition() {
  const asked = new URLSearchParams(location.search).get("rendition");
  if (["auto", "full", "light"].includes(asked)) return asked;
  return navigator.connection?.saveData ? "light" : "auto";
}
