/** Push-to-talk: hold the button, speak, release. */

import { Microphone, MicrophoneError } from "./microphone.js";

const TAIL_MS = 300;
const LONGEST_MS = 28_000;
const PATIENCE_MS = 20_000;

/**
 * Event `state` (detail: {state, reason, text}).
 * States: "idle", "asking" (for permission), "ready" (granted, but the button was let go meanwhile), "listening",
 * "recognising", "understood" (`text`), "failed" (`reason`).
 */
export class Talk extends EventTarget {
  #button;
  #send;
  #player;
  #microphone = null;
  #held = false;
  #utterance = null;
  #count = 0;
  #timer = 0;
  state = "idle";

  /** `send(message)` reaches the room (false: no connection); `player` carries the sound. */
  constructor(button, { send, player }) {
    super();
    this.#button = button;
    this.#send = send;
    this.#player = player;
    this.#listenToButton();
  }

  #listenToButton() {
    const button = this.#button;
    button.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      // Captured, so that letting go outside the button is noticed too.
      button.setPointerCapture(event.pointerId);
      this.#press();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) {
      button.addEventListener(end, () => this.#release());
    }
    button.addEventListener("keydown", (event) => {
      if (event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) this.#press();
    });
    button.addEventListener("keyup", (event) => {
      if (event.key === " " || event.key === "Enter") this.#release();
    });
    button.addEventListener("contextmenu", (event) => event.preventDefault());
    document.addEventListener("visibilitychange", () => document.hidden && this.#release());
  }

  async #press() {
    if (this.#held) return;
    this.#held = true;
    if (this.#utterance) return;
    try {
      await this.#ensureMicrophone();
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      this.#fail(error.reason);
      return;
    }
    if (!this.#held) return this.#announce("ready");
    this.#begin();
  }

  async #ensureMicrophone() {
    if (this.#microphone?.alive) return;
    this.#announce("asking");
    this.#microphone = await Microphone.open();
    await this.#player.send(this.#microphone.track);
  }

  #begin() {
    if (!this.#player.hears) return this.#fail("no_link");
    const id = `v${++this.#count}`;
    if (!this.#send({ type: "talk.start", id, language: null })) return this.#fail("no_link");
    this.#utterance = id;
    this.#microphone.on = true;
    this.#announce("listening");
    this.#meter();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#release(), LONGEST_MS);
  }

  #release() {
    if (!this.#held) return;
    this.#held = false;
    if (this.state !== "listening") return;
    this.#announce("recognising");
    clearTimeout(this.#timer);
    // People let go on the last syllable, and the network holds a little of it still.
    this.#timer = setTimeout(() => this.#end(), TAIL_MS);
  }

  #end() {
    this.#microphone.on = false;
    if (!this.#send({ type: "talk.end", id: this.#utterance })) return this.#fail("no_link");
    this.#timer = setTimeout(() => this.#fail("timeout"), PATIENCE_MS);
  }

  /** The room recognised something (or nothing); true when the utterance was this one. */
  finish(id, text) {
    if (id !== this.#utterance) return false;
    this.#close();
    if (text) this.#announce("understood", { text });
    else this.#announce("failed", { reason: "nothing_heard" });
    return true;
  }

  /** What the room makes of it so far. */
  hear(id, text) {
    if (id === this.#utterance) this.#announce(this.state, { text });
  }

  /** The room will not take this utterance, for a reason that the caller shows. */
  refuse(id) {
    if (id !== this.#utterance) return false;
    this.#close();
    this.#announce("idle");
    return true;
  }

  /** The connection is lost: nothing will come of what was said. */
  abandon() {
    if (this.#utterance) this.#fail("no_link");
  }

  #fail(reason) {
    this.#close();
    this.#announce("failed", { reason });
  }

  #close() {
    clearTimeout(this.#timer);
    this.#utterance = null;
    this.#held = false;
    if (this.#microphone) this.#microphone.on = false;
  }

  /** The button breathes with the voice, so that the viewer sees that they are heard. */
  #meter() {
    const loud = this.state === "listening" ? this.#microphone.level() : 0;
    this.#button.style.setProperty("--level", loud.toFixed(2));
    if (this.state === "listening") requestAnimationFrame(() => this.#meter());
  }

  #announce(state, detail = {}) {
    this.state = state;
    this.#button.dataset.state = state;
    this.#button.setAttribute("aria-pressed", String(state === "listening"));
    this.dispatchEvent(new CustomEvent("state", { detail: { state, reason: null, text: "", ...detail } }));
  }
}
