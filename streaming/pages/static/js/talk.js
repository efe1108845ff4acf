/** The microphone button: hold it, speak, release; or, where the room listens all the time, press it once. */

import { Microphone, MicrophoneError } from "./microphone.js";

const TAIL_MS = 300;
const LONGEST_MS = 28_000;
const PATIENCE_MS = 20_000;

/**
 * Event `state` (detail: {state, reason, text}).
 * States: "idle", "asking" (for permission), "ready" (granted, but the button was let go meanwhile), "listening",
 * "recognising", "understood" (`text`), "failed" (`reason`); without a button to hold: "open" (`text`: what was
 * understood so far).
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
  #wanted = false;
  /** The microphone was taken away while it was wanted. */
  #unplugged = false;
  state = "idle";
  /** The room hears this viewer without a button held. */
  handsFree = false;

  /** `send(message)` reaches the room (false: no connection); `player` carries the sound. */
  constructor(button, { send, player }) {
    super();
    this.#button = button;
    this.#send = send;
    this.#player = player;
    this.#listenToButton();
    navigator.mediaDevices?.addEventListener("devicechange", () => this.#unplugged && this.open());
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
    if (this.handsFree) return this.#wanted ? this.#leaveOff() : this.open();
    if (this.#held) return;
    this.#held = true;
    if (this.#utterance) return;
    if (!(await this.#granted())) return;
    if (!this.#held) return this.#announce("ready");
    this.#begin();
  }

  /** Listen from now on, and again after every lost connection, until the button is pressed. */
  async open() {
    this.#wanted = true;
    if (this.#utterance || !(await this.#granted()) || !this.#wanted) return;
    this.#begin();
  }

  /** The room can be reached again. */
  async reopen() {
    if (this.#wanted && !this.#utterance) await this.open();
  }

  #leaveOff() {
    this.#wanted = false;
    if (this.#utterance) this.#send({ type: "talk.end", id: this.#utterance });
    this.#close();
    this.#announce("idle");
  }

  /** Whether there is a microphone; the viewer is told why not. */
  async #granted() {
    try {
      await this.#ensureMicrophone();
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      this.#wanted = false;
      this.#fail(error.reason);
      return false;
    }
    return true;
  }

  async #ensureMicrophone() {
    if (this.#microphone?.alive) return;
    this.#announce("asking");
    const microphone = await Microphone.open();
    this.#microphone = microphone;
    this.#unplugged = false;
    microphone.track.addEventListener("ended", () => microphone === this.#microphone && this.#lose());
    await this.#player.send(microphone.track);
  }

  /** The device was unplugged, or the permission taken back: whatever comes next may be the one that is wanted. */
  #lose() {
    this.#unplugged = this.#wanted;
    if (!this.#utterance) return;
    this.#send({ type: "talk.end", id: this.#utterance });
    this.#fail("missing");
  }

  #begin() {
    if (!this.#player.hears) return this.#fail("no_link");
    const id = `v${++this.#count}`;
    if (!this.#send({ type: "talk.start", id, language: null, hands_free: this.handsFree })) return this.#fail("no_link");
    this.#utterance = id;
    this.#microphone.on = true;
    this.#announce(this.handsFree ? "open" : "listening");
    this.#meter();
    clearTimeout(this.#timer);
    if (this.handsFree) return;
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
    if (!this.#mine(id)) return false;
    if (this.handsFree) {
      this.#announce("open", { text });
      return true;
    }
    this.#close();
    if (text) this.#announce("understood", { text });
    else this.#announce("failed", { reason: "nothing_heard" });
    return true;
  }

  /** The room hears this viewer now. */
  get hears() {
    return this.state === "listening" || this.state === "open";
  }

  /** What the room makes of it so far. */
  hear(id, text) {
    if (this.#mine(id)) this.#announce(this.state, { text });
  }

  /** The room will not take this utterance, for a reason that the caller shows. */
  refuse(id) {
    if (!this.#mine(id)) return false;
    if (id !== this.#utterance) return true; // one turn of many
    this.#wanted = false;
    this.#close();
    this.#announce("idle");
    return true;
  }

  /** Without a button held, turns are called after what they are part of. */
  #mine(id) {
    return this.#utterance !== null && (id === this.#utterance || String(id).startsWith(`${this.#utterance}.`));
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
    this.#button.style.setProperty("--level", (this.hears ? this.#microphone.level() : 0).toFixed(2));
    if (this.hears) requestAnimationFrame(() => this.#meter());
  }

  #announce(state, detail = {}) {
    this.state = state;
    this.#button.dataset.state = state;
    this.#button.setAttribute("aria-pressed", String(this.hears));
    this.dispatchEvent(new CustomEvent("state", { detail: { state, reason: null, text: "", ...detail } }));
  }
}
